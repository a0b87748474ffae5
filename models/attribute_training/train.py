"""Training the attribute network from dlib's face descriptor, or on from given weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import keras
import numpy as np

from headcount.models.attribute_training import network, teacher
from headcount.models.attribute_training.augment import augment, centre, closer
from headcount.models.attribute_training.descriptor import start_from_descriptor
from headcount.models.datasets import crops
from headcount.models.datasets.crops import FaceDetector, Faces
from headcount.models.intervals import band_of, expected_age
from headcount.models.training import read_log, warm_up_cosine, write_log
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import AGES

SOURCES: Final = ("utkface", "aaf", "fairface", "ferplus")
"""Sets of labelled faces, each a file SOURCE-train.parquet."""
VALIDATED: Final = ("utkface", "ferplus")
"""Sources with a file SOURCE-val.parquet of faces for choosing."""
SHARED: Final = "fairface"
"""Its `models.datasets.crops.reserved` training faces are for choosing, the others for training."""
AGED: Final = "utkface"
"""The source with exact ages both for training and for choosing."""

SHARES: Final = {"ferplus": 0.2, "aaf": 0.3, "utkface": 0.7}
"""Share of a source's faces drawn for one epoch; all of the others."""

BALANCE: Final = 0.3
"""Faces of a band of ages weigh as its number to the power of minus this: the old are few, and would be told
younger than they are."""


@dataclass(frozen=True)
class TrainOptions:
    """What `train` needs to know."""

    data: Path
    """Folder with SOURCE-SPLIT.parquet files of labelled faces."""
    cache: Path
    """Folder for the re-cropped faces, about 4 GB; made once."""
    output: Path
    """Folder for checkpoints, the log and the result; a run that was stopped resumes from it."""
    epochs: int = 10
    batch: int = 64
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    patience: int = 4
    """Epochs without progress on the faces for choosing, after which training ends; counted from half of
    `epochs` on, since weights are worse than good ones to start from as long as the rate is high."""
    seed: int = 1
    sources: Sequence[str] = SOURCES
    """The sets to learn from and to choose by."""
    start_from: Path | None = None
    """Weights (.keras) to start from instead of the descriptor's."""
    bfloat16: bool = False
    """Compute in bfloat16, with weights in float32: 1.4 times as fast on a processor with AVX512-BF16
    (Zen 5), not on the others tried."""
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)


class Batches(keras.utils.PyDataset):
    """Augmented training batches; `draw` chooses the faces of an epoch."""

    def __init__(self, faces: Faces, targets: dict[str, np.ndarray], options: TrainOptions) -> None:
        super().__init__(workers=1, max_queue_size=16)
        self.faces = faces
        self.targets = targets
        self.options = options
        self.weights = {name: np.ones(len(faces), np.float32) for name in targets}
        self.weights["age"] = age_weights(faces)
        self.draw(0)

    def draw(self, epoch: int) -> None:
        """A new sample of each source by its share, shuffled; the same for the same seed and epoch."""
        self.rng = np.random.default_rng((self.options.seed, epoch))
        picked = []
        for source in np.unique(self.faces.source):
            rows = self.rng.permutation(np.flatnonzero(self.faces.source == source))
            picked.append(rows[: math.ceil(len(rows) * self.options.shares.get(str(source), 1.0))])
        self.order = self.rng.permutation(np.concatenate(picked))

    def __len__(self) -> int:
        return len(self.order) // self.options.batch

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
        rows = self.order[index * self.options.batch : (index + 1) * self.options.batch]
        crops = [augment(self.faces.crops[row], self.faces.real[row], self.rng) for row in rows]
        return (
            np.stack(crops).astype(np.float32),
            {name: y[rows] for name, y in self.targets.items()},
            {name: weights[rows] for name, weights in self.weights.items()},
        )


def labels(faces: Faces) -> dict[str, np.ndarray]:
    """The labels in the form of `network.LOSSES`, without second answers."""
    shares, _ = crops.mood_shares(faces.votes)
    age = np.zeros((len(faces), 2 + AGES), np.float32)
    age[:, :2] = crops.age_classes(faces.age)
    female = np.nan_to_num(faces.female, nan=-1.0)
    return {"age": age, "gender": np.stack([female, np.full_like(female, -1.0)], 1), "mood": shares}


def with_answers(targets: dict[str, np.ndarray], answers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The labels with the second answers of `models.attribute_training.teacher` beside them."""
    age, gender = targets["age"].copy(), targets["gender"].copy()
    age[:, 2:] = softmax(answers["age"])
    gender[:, 1] = 1 / (1 + np.exp(-answers["gender"][:, 0]))
    return {**targets, "age": age, "gender": gender}


def age_weights(faces: Faces) -> np.ndarray:
    """How much the age of each face counts (`BALANCE`), float32 [n]; 1 on average and where there is none."""
    known = faces.aged
    bands = band_of(faces.age[known, 0])
    weights = np.ones(len(faces), np.float32)
    weights[known] = np.bincount(bands)[bands] ** -BALANCE
    weights[known] /= weights[known].mean()
    return weights


def predict(model: keras.Model, crops: np.ndarray) -> dict[str, np.ndarray]:
    """Logits by head for crops [n, CROP_SIZE, CROP_SIZE, 3]."""
    parts = [
        model.predict_on_batch(crops[start : start + 256].astype(np.float32))
        for start in range(0, len(crops), 256)
    ]
    return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def validate(model: keras.Model, faces: Faces) -> dict[str, float]:
    """Figures on the faces for choosing, and `score`, the sum of what is wrong (less is better)."""
    logits = predict(model, faces.crops)
    mean = expected_age(softmax(logits["age"]))
    low, high = faces.age.T
    female, mood = faces.female == 1, crops.majority_mood(faces.votes)
    right = {
        "age_in_bin": ((np.floor(mean) >= low) & (np.floor(mean) < high), high - low > 1),
        "mood": (logits["mood"].argmax(1) == mood, mood >= 0),
    }
    for source in np.unique(faces.source):
        known = np.isfinite(faces.female) & (faces.source == source)
        right[f"gender_{source}"] = ((logits["gender"][:, 0] > 0) == female, known)
    figures = {name: float(told[known].mean()) for name, (told, known) in right.items() if known.any()}
    score = sum(1 - share for share in figures.values())
    if faces.exact.any():
        figures["age_mae"] = float(np.abs(mean - low)[faces.exact].mean())
        score += figures["age_mae"] / 10
    return {"score": score, **figures}


class Choose(keras.callbacks.Callback):
    """After each epoch: figures on the faces for choosing, one line in the log, the best weights kept."""

    def __init__(self, faces: Faces, batches: Batches, output: Path) -> None:
        super().__init__()
        self.faces, self.batches, self.output = faces, batches, output
        self.best = min((line["score"] for line in read_log(output)), default=math.inf)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.batches.draw(epoch)
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        figures = validate(self.model, self.faces)
        seconds = round(time.monotonic() - self.started)
        losses = {name: float(value) for name, value in (logs or {}).items()}
        line = {"epoch": epoch + 1, "seconds": seconds, **figures, **losses}
        if figures["score"] < self.best:
            self.best = figures["score"]
            self.model.save(self.output / "best.keras")
        write_log(self.output, line)
        if logs is not None:
            logs["score"] = figures["score"]


def compile_model(model: keras.Model, steps: int, options: TrainOptions) -> None:
    """AdamW with warm-up, cosine and averaged weights, over `steps` steps in all."""
    warm_up = min(500, steps // 10)
    rate = warm_up_cosine(options.learning_rate, steps, warm_up, end=0.001)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=options.weight_decay, clipnorm=5.0, use_ema=True, ema_momentum=0.998
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer, loss=network.LOSSES, loss_weights=network.LOSS_WEIGHTS, jit_compile=False)


def load_faces(options: TrainOptions, make_detector: Callable[[], FaceDetector]) -> Faces:
    """The faces for training, re-cropped on the first call."""
    parts = []
    for source in options.sources:
        faces = _load(f"{source}-train", options, make_detector)
        parts.append(faces.take(~_aside(faces)) if source == SHARED else faces)
    return crops.concatenate(parts)


def load_choosing(options: TrainOptions, make_detector: Callable[[], FaceDetector]) -> Faces:
    """The faces that choose the epoch and the calibration, re-cropped on the first call; as of `framed`."""
    parts = [_load(f"{name}-val", options, make_detector) for name in VALIDATED if name in options.sources]
    if SHARED in options.sources:
        shared = _load(f"{SHARED}-train", options, make_detector)
        parts.append(shared.take(_aside(shared)))
    if not parts:
        raise UsageError(f"no faces to choose by in {', '.join(options.sources)}; add a source with some")
    return framed(crops.concatenate(parts))


def load_aged(options: TrainOptions, make_detector: Callable[[], FaceDetector]) -> Faces:
    """The training faces that are like those for choosing with an exact age; as of `framed`."""
    return framed(_load(f"{AGED}-train", options, make_detector))


def framed(faces: Faces) -> Faces:
    """Each packed face twice, cut as a run cuts it from a wide and from a tight picture."""
    return crops.concatenate([replace(faces, crops=cut(faces.crops)) for cut in (centre, closer)])


def _load(name: str, options: TrainOptions, make_detector: Callable[[], FaceDetector]) -> Faces:
    return crops.load(crops.repack(options.data / f"{name}.parquet", options.cache, make_detector))


def _aside(faces: Faces) -> np.ndarray:
    return np.array([crops.reserved(str(face_id)) for face_id in faces.face_id])


def train(options: TrainOptions, make_detector: Callable[[], FaceDetector]) -> Path:
    """Trains and returns the best weights by the faces for choosing (`best.keras` in `options.output`).

    `make_detector` frames the faces when they are not yet in the cache; it must be picklable.
    """
    start = network.load(options.start_from) if options.start_from else None
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    faces, choosing = load_faces(options, make_detector), load_choosing(options, make_detector)
    targets = labels(faces)
    answers = teacher.answers(faces, targets, options.cache / f"teacher-{'-'.join(options.sources)}.npz")
    model = network.build("mixed_bfloat16" if options.bfloat16 else "float32")
    if start is None:
        start_from_descriptor(model)
    else:
        model.set_weights(start.get_weights())
        seen = centre(faces.crops)
        answers = teacher.together(answers, predict(start, seen), predict(start, seen[:, :, ::-1]))
    batches = Batches(faces, with_answers(targets, answers), options)
    compile_model(model, len(batches) * options.epochs, options)
    callbacks: Sequence[keras.callbacks.Callback] = (
        keras.callbacks.BackupAndRestore(options.output / "resume"),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        Choose(choosing, batches, options.output),
        keras.callbacks.EarlyStopping(
            "score", mode="min", patience=options.patience, start_from_epoch=options.epochs // 2
        ),
    )
    model.fit(batches, epochs=options.epochs, callbacks=list(callbacks), verbose=2)
    return options.output / "best.keras"
