"""Training the attribute network from dlib's face descriptor, or on from given weights."""

from __future__ import annotations

import math
import time
from collections import defaultdict
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
from headcount.schemas.labels import AGES, MOODS

SOURCES: Final = ("utkface", "aaf", "fairface", "ferplus", "appa", "rafdb", "wiki")
"""Sets of labelled faces, each a file SOURCE-train.parquet."""
VALIDATED: Final = ("utkface", "ferplus", "appa", "rafdb", "wiki")
"""Sources with a file SOURCE-val.parquet of faces for choosing."""
SHARED: Final = "fairface"
"""Its `models.datasets.crops.reserved` training faces are for choosing, the others for training."""
AGED: Final = ("utkface", "appa", "wiki")
"""The sources with exact ages both for training and for choosing."""
MOST_AGED: Final = 1500
"""Faces of a source that show how its ages differ by band; more would show the same and take minutes."""
UNFAMILIAR: Final = ("appa", "rafdb", "wiki")
"""Sources of other pictures than those that taught the weights which ship first: those weights have a bias on
them (teens eight to ten years too old), so they give no second answer there."""

SHARES: Final = {
    "utkface": 0.25,
    "aaf": 0.125,
    "fairface": 0.15,
    "ferplus": 0.2,
    "rafdb": 0.7,
    "wiki": 0.85,
}
"""Share of a source's faces drawn for one epoch among others; all of the rest, and of a source alone."""

BALANCE: Final = 0.4
"""Faces of a band of ages, or of a mood, weigh as its number to the power of minus this: the rare ones would
be taken for their neighbours, the old for younger than they are and teens for older."""
SOURCE_BALANCE: Final = 0.4
"""Within a band of ages, the faces of a source weigh as its share to the power of minus this, so that no
source owns a band."""
THINNED: Final = {"ferplus": {"neutral": 2.5, "happy": 2.2}}
"""Moods of which the shared copy of a source has fewer faces than the source, by that factor: they weigh more
instead, as often as people look so."""
HEAVIEST: Final = 4.0
"""The most that a face weighs compared with the average one: some bands have next to nobody of a source."""

WIDTHS: Final = ((0, 15, 30, 80), (0.35, 1.3, 2.3, 3.1))
"""Ages, and the standard deviation of the distribution that is learned around each: half as wide as people
differ who guess the ages in APPA."""


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
    keep: Path | None = None
    """Weights (.keras) that `recipe.KEPT` of the result is made of."""
    bfloat16: bool = False
    """Compute in bfloat16, with weights in float32: 1.4 times as fast on a processor with AVX512-BF16
    (Zen 5), not on the others tried."""
    frozen_stages: int = 0
    """Stages of the trunk, from the picture on, that stay as they start; with two, a step takes half the
    time."""
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)


class Batches(keras.utils.PyDataset):
    """Augmented training batches; `draw` chooses the faces of an epoch."""

    def __init__(self, faces: Faces, targets: dict[str, np.ndarray], options: TrainOptions) -> None:
        super().__init__(workers=1, max_queue_size=16)
        self.faces = faces
        self.targets = targets
        self.options = options
        self.weights = {name: np.ones(len(faces), np.float32) for name in targets}
        drawn = np.array([options.shares.get(str(source), 1.0) for source in faces.source])
        self.weights["age"] = age_weights(faces, drawn)
        self.weights["mood"] = mood_weights(faces, drawn)
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
    low, high = crops.age_classes(faces.age).T[:, :, None]
    years, exact = np.arange(AGES), faces.exact
    age = np.zeros((len(faces), 3, AGES), np.float32)
    age[:, 0] = (years >= low) & (years < high) & ~exact[:, None]
    age[exact, 1] = _around(faces.age[exact, 0])
    # Half of the truth is the age that people see: it is what a picture shows, and errs less than a record.
    seen = exact & np.isfinite(faces.apparent[:, 0])
    age[seen, 1] = (age[seen, 1] + _around(faces.apparent[seen, 0])) / 2
    female = np.nan_to_num(faces.female, nan=-1.0)
    return {"age": age, "gender": np.stack([female, np.full_like(female, -1.0)], 1), "mood": shares}


def _around(ages: np.ndarray) -> np.ndarray:
    """A normal distribution around each age, as wide as `WIDTHS` says, over the classes [n, AGES]."""
    centres = np.minimum(ages, AGES - 1)[:, None]
    powers = np.exp(-0.5 * ((np.arange(AGES) - centres) / np.interp(centres, *WIDTHS)) ** 2)
    return powers / powers.sum(1, keepdims=True)


def with_answers(targets: dict[str, np.ndarray], answers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The labels with the second answers of `models.attribute_training.teacher` next to them; nan is none."""
    age, gender = targets["age"].copy(), targets["gender"].copy()
    age[:, 2] = np.nan_to_num(softmax(answers["age"]), nan=0.0)
    gender[:, 1] = np.nan_to_num(1 / (1 + np.exp(-answers["gender"][:, 0])), nan=-1.0)
    return {**targets, "age": age, "gender": gender}


def own_answers(start: keras.Model, faces: Faces) -> dict[str, np.ndarray]:
    """Logits of `age` and `gender` for packed faces by the network that training starts from: they keep what
    it knows. nan for faces without age and gender, and for those of `UNFAMILIAR`.
    """
    rows = (faces.aged | np.isfinite(faces.female)) & ~np.isin(faces.source, UNFAMILIAR)
    logits = predict(start, centre(faces.crops[rows]))
    return {head: teacher.spread(logits[head], rows) for head in ("age", "gender")}


def age_weights(faces: Faces, drawn: np.ndarray) -> np.ndarray:
    """How much the age of each face counts (`BALANCE`, `SOURCE_BALANCE`), float32 [n]; 1 where there is none.

    `drawn` [n] is how often an epoch draws each face; the average over what it draws is 1.
    """
    bands = band_of(faces.age[:, 0])
    sources = np.unique(faces.source, return_inverse=True)[1]
    in_band = _number(bands, faces.aged, drawn)
    in_both = _number(bands * (sources.max() + 1) + sources, faces.aged, drawn)
    return _weights(in_band**-BALANCE * (in_both / in_band) ** -SOURCE_BALANCE, faces.aged, drawn)


def mood_weights(faces: Faces, drawn: np.ndarray) -> np.ndarray:
    """How much the mood of each face counts, float32 [n]: by `THINNED` or `BALANCE` within its source; 1 on
    average there, and where there is none. `drawn` as in `age_weights`.
    """
    shares, voted = crops.mood_shares(faces.votes)
    moods, weights = shares.argmax(1), np.ones(len(faces), np.float32)
    for source in np.unique(faces.source[voted]):
        known = voted & (faces.source == source)
        if source in THINNED:
            counts = np.array([THINNED[source].get(mood, 1.0) for mood in MOODS])[moods]
        else:
            counts = _number(moods, known, drawn) ** -BALANCE
        weights = np.where(known, _weights(counts, known, drawn), weights)
    return weights


def _number(kinds: np.ndarray, known: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """How many faces of its kind an epoch draws, for each face; 1 where nothing is known."""
    return np.where(known, np.bincount(kinds, weights=drawn * known)[kinds], 1.0)


def _weights(weights: np.ndarray, known: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    if not known.any():
        return np.ones(len(known), np.float32)
    mean = np.average(weights[known], weights=drawn[known])
    return np.where(known, np.minimum(weights / mean, HEAVIEST), 1.0).astype(np.float32)


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
    """Figures on the faces for choosing, KIND_SOURCE, and `score`: for each kind the mean over its sources of
    what is wrong, summed (less is better).
    """
    logits = predict(model, faces.crops)
    mean = expected_age(softmax(logits["age"]))
    low, high = faces.age.T
    likeliest, mood = logits["mood"].argmax(1), crops.majority_mood(faces.votes)
    right = {
        "bin": ((np.floor(mean) >= low) & (np.floor(mean) < high), high - low > 1),
        "gender": ((logits["gender"][:, 0] > 0) == (faces.female == 1), np.isfinite(faces.female)),
        "mood": (likeliest == mood, mood >= 0),
    }
    figures, wrong = {}, defaultdict(list)
    for source in np.unique(faces.source):
        of = faces.source == source
        for kind, (hits, known) in right.items():
            if (rows := of & known).any():
                figures[f"{kind}_{source}"] = float(hits[rows].mean())
                wrong[kind].append(1 - figures[f"{kind}_{source}"])
        if (rows := of & (mood >= 0)).any():
            recalls = [(likeliest == mood)[rows & (mood == one)].mean() for one in np.unique(mood[rows])]
            figures[f"recall_{source}"] = float(np.mean(recalls))
            wrong["recall"].append(1 - figures[f"recall_{source}"])
        if (rows := of & faces.exact).any():
            figures[f"years_{source}"] = float(np.abs(mean - low)[rows].mean())
            wrong["years"].append(figures[f"years_{source}"] / 10)
    return {"score": sum(float(np.mean(parts)) for parts in wrong.values()), **figures}


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
        rate, weight_decay=options.weight_decay, clipnorm=5.0, use_ema=True, ema_momentum=0.995
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
    """Training faces that are like those for choosing with an exact age, at most `MOST_AGED` of a source; as
    of `framed`.
    """
    parts = [_load(f"{name}-train", options, make_detector) for name in AGED if name in options.sources]
    rng = np.random.default_rng(1)
    return framed(crops.concatenate([part.take(rng.permutation(len(part))[:MOST_AGED]) for part in parts]))


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
    if len(options.sources) == 1:
        options = replace(options, shares={})
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    faces, choosing = load_faces(options, make_detector), load_choosing(options, make_detector)
    targets = labels(faces)
    model = network.build("mixed_bfloat16" if options.bfloat16 else "float32")
    if start is None:
        start_from_descriptor(model)
        answers = teacher.answers(faces, targets, options.cache / f"teacher-{'-'.join(options.sources)}.npz")
    else:
        model.set_weights(start.get_weights())
        answers = own_answers(start, faces)
    network.freeze(model, options.frozen_stages)
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
