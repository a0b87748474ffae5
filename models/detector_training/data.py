"""Rounds of composed pictures with the teacher's answers, made during training and learned from a few times.

Making a picture and asking the teacher takes longer than learning from it, so the pictures of a round stay
for `WINDOW` epochs, and are shown mirrored or not, in other light, blurred, noisy or compressed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Final

import cv2
import keras
import numpy as np

from headcount.models.attribute_training.augment import compressed, noisy
from headcount.models.detector_training.scenes import Scene, Sources, compose, load_sources
from headcount.models.detector_training.teacher import ENLARGED, TEACHER, Teacher, correct, mirrored

SIDE: Final = 320
"""Of the pictures that the network learns from."""

WINDOW: Final = 4
"""The last so many rounds are learned from."""


def answered(scene: Scene, teacher: Teacher) -> tuple[np.ndarray, np.ndarray]:
    """A scene of twice `SIDE` as the picture uint8 [SIDE, SIDE, 3] to learn from, and answers [cells, 15]."""
    answers = teacher.answer(scene.pixels)
    maybe = cv2.resize(scene.maybe, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    correct(answers, maybe, np.array(scene.faces, float).reshape(-1, 3) / ENLARGED)
    return cv2.resize(scene.pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), answers.astype(np.float16)


def make_round(sources: Sources, teacher: Teacher, count: int, seed: Sequence[int], folder: Path) -> Path:
    """Writes `count` pictures and their answers as `pictures.npy` and `answers.npy` into `folder`, which
    exists once they are complete. What is there already is kept.
    """
    if folder.exists():
        return folder
    rng = np.random.default_rng(seed)
    pairs = [answered(compose(sources, ENLARGED * SIDE, rng), teacher) for _ in range(count)]
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    np.save(unfinished / "pictures.npy", np.stack([picture for picture, _ in pairs]))
    np.save(unfinished / "answers.npy", np.stack([answers for _, answers in pairs]))
    return unfinished.rename(folder)


class Rounds:
    """So many `rounds` of `count` pictures in `folder`, made by one process during training; only the last
    `WINDOW` are kept."""

    def __init__(self, data: Path, folder: Path, rounds: int, count: int, seed: int) -> None:
        self.folder, self.rounds, self.count, self.seed = folder, rounds, count, seed
        # A forked process would inherit TensorFlow's locks.
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, context, _start, (data,))
        self.jobs: dict[int, Future[Path]] = {}

    def request(self, number: int) -> Future[Path]:
        """Has a round made, if it was not asked for before."""
        if number not in self.jobs:
            target = self.folder / f"round_{number:04d}"
            self.jobs[number] = self.pool.submit(_make, self.count, (self.seed, number), target)
        return self.jobs[number]

    def window(self, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Pictures [n, SIDE, SIDE, 3] and answers [n, cells, 15] of the rounds to `last`; begins the next."""
        numbers = range(max(0, last - WINDOW + 1), last + 1)
        folders = [self.request(number).result() for number in numbers]
        if last + 1 < self.rounds:
            self.request(last + 1)
        for old in self.folder.glob("round_*"):
            if old.suffix != ".unfinished" and old.name < folders[0].name:
                for file in old.iterdir():
                    file.unlink()
                old.rmdir()
        pictures, answers = (
            np.concatenate([np.load(folder / f"{name}.npy") for folder in folders])
            for name in ("pictures", "answers")
        )
        return pictures, answers

    def close(self) -> None:
        """Stops making rounds."""
        self.pool.shutdown(cancel_futures=True)


_made_of: tuple[Sources, Teacher]


def _start(data: Path) -> None:
    global _made_of
    cv2.setNumThreads(1)
    _made_of = load_sources(data), Teacher(data / TEACHER)


def _make(count: int, seed: Sequence[int], folder: Path) -> Path:
    return make_round(*_made_of, count, seed, folder)


class Batches(keras.utils.PyDataset):
    """`steps` batches an epoch of pictures float32 [n, SIDE, SIDE, 3] and answers [n, cells, 15]; `draw`
    chooses those of an epoch from its window."""

    def __init__(self, rounds: Rounds, steps: int, batch: int, epoch: int) -> None:
        super().__init__(workers=1, max_queue_size=8)
        self.rounds, self.steps, self.batch = rounds, steps, batch
        self.epoch = -1
        self.draw(epoch)

    def draw(self, epoch: int) -> None:
        """The window of `epoch` in a new order; waits for its rounds."""
        if epoch == self.epoch:
            return
        self.epoch = epoch
        self.pictures, self.answers = self.rounds.window(epoch)
        self.rng = np.random.default_rng((self.rounds.seed, epoch, 1))
        passes = -(-self.steps * self.batch // len(self.pictures))
        self.order = np.concatenate([self.rng.permutation(len(self.pictures)) for _ in range(passes)])

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        pictures, answers = [], []
        for row in self.order[index * self.batch : (index + 1) * self.batch]:
            picture, answer = self.pictures[row], self.answers[row]
            if self.rng.random() < 0.5:
                picture, answer = picture[:, ::-1], mirrored(answer, SIDE)
            pictures.append(degrade(picture, self.rng))
            answers.append(answer)
        return np.stack(pictures).astype(np.float32), np.stack(answers).astype(np.float32)


def degrade(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture uint8 in other light, at times grey, and at most one of slightly blurred, noisy,
    compressed; so little that the teacher's answers still hold."""
    if rng.random() < 0.6:
        x = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.3))
        curve = (x[:, None] - 0.5) * np.exp(rng.normal(-0.1, 0.2) + rng.normal(0, 0.05, 3)) + 0.5
        table = np.clip((curve + rng.normal(0, 0.06)) * 255, 0, 255).astype(np.uint8)
        picture = cv2.LUT(np.ascontiguousarray(picture), table[:, None, :])
    if rng.random() < 0.1:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    kind = rng.random()
    if kind < 0.08:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0))
    if kind < 0.2:
        return noisy(picture, (2, 12), rng)
    if kind < 0.4:
        return compressed(picture, (25, 90), rng)
    return picture
