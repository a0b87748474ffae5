"""Made-up labelled faces for the tests of training and evaluation."""

import numpy as np

from headcount.models.datasets.crops import PACKED_SIZE, Faces


def make_faces(ages, females, votes=None, source="made", group=""):
    """One face for each [low, high) of `ages`; gender 1, 0 or nan; votes in the order of MOOD_VOTES."""
    count = len(ages)
    rng = np.random.default_rng(1)
    return Faces(
        face_id=np.array([f"{source}-{number}" for number in range(count)]),
        source=np.full(count, source),
        split=np.full(count, ""),
        group=np.array(group if isinstance(group, list) else [group] * count),
        crops=rng.integers(0, 256, (count, PACKED_SIZE, PACKED_SIZE, 3), np.uint8),
        real=np.tile(np.array([0, 0, PACKED_SIZE, PACKED_SIZE], np.uint8), (count, 1)),
        found=np.ones(count, bool),
        age=np.array(ages, np.int16),
        apparent=np.full((count, 2), np.nan, np.float32),
        female=np.array(females, np.float32),
        votes=np.zeros((count, 8), np.int16) if votes is None else np.array(votes, np.int16),
    )
