"""The faces table: one row per face that was found, with what it looks like in that one picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

from headcount.schemas.columns import RANKED, TEXT, WALL_CLOCK, column
from headcount.schemas.labels import AGE_GROUP_NAMES, AGES, GENDERS, MOODS, with_years

APPARENT = "what the face looks like in this picture, not who the person is"

P_AGE_STEPS: Final = 10_000
"""`p_age` holds multiples of one part in so many. That takes about half of the bytes of float16, and the mean
of a distribution moves by less than 0.05 years (measured on 10,000 faces)."""

_AGE_GROUPS = ", ".join(map(with_years, AGE_GROUP_NAMES))


def round_p_age(p_age: np.ndarray) -> np.ndarray:
    """A distribution [AGES] in multiples of 1 / P_AGE_STEPS that still add up to 1; float32.

    Rounded down and then up again where most was lost, until the sum is right. Raises ValueError for what
    is no distribution.
    """
    total = float(p_age.sum())
    if not abs(total - 1) < 0.01 or p_age.min() < 0:
        raise ValueError(f"probabilities of ages add up to 1 and none is negative: their sum is {total:g}")
    steps = p_age.astype(np.float64) * (P_AGE_STEPS / total)
    rounded = np.floor(steps)
    lost = np.argsort(rounded - steps, kind="stable")
    rounded[lost[: P_AGE_STEPS - int(rounded.sum())]] += 1
    return (rounded / P_AGE_STEPS).astype(np.float32)


def _probability(what: str) -> float | None:
    return column(pa.float32(), f"calibrated probability of {what}", nullable=True)


@dataclass(frozen=True, slots=True)
class Face:
    """One face of the copy of the photo that counts (`photos.duplicate_of` is null)."""

    face_id: str = column(TEXT, "photo_id, a dash, and the number of the face in the photo from 0")
    photo_id: str = column(TEXT, "the photo it is in")
    uri: str = column(TEXT, "the file it was found in, as in photos")
    taken_at: datetime | None = column(WALL_CLOCK, "as in photos", nullable=True)
    left: float = column(pa.float32(), "canonical box, pixels of the upright full-size photo")
    top: float = column(pa.float32(), "canonical box, pixels of the upright full-size photo")
    right: float = column(pa.float32(), "canonical box, exclusive, pixels of the upright full-size photo")
    bottom: float = column(pa.float32(), "canonical box, exclusive, pixels of the upright full-size photo")
    score: float = column(pa.float32(), "the detector's own confidence, 0 to 1; not a probability")
    sharpness: float = column(
        pa.float32(), "variance of the Laplacian of the grey crop, in squared grey levels; low is blurred"
    )
    brightness: float = column(pa.float32(), "mean grey level of the crop, 0 to 255")
    age: float | None = column(pa.float32(), f"apparent age in years: {APPARENT}", nullable=True)
    age_low: float | None = column(pa.float32(), "lower end of the 90 % interval of the age", nullable=True)
    age_high: float | None = column(pa.float32(), "upper end of the 90 % interval of the age", nullable=True)
    age_group: str | None = column(
        RANKED,
        f"the group that holds age, with its completed years: {_AGE_GROUPS}",
        nullable=True,
        values=AGE_GROUP_NAMES,
    )
    p_age: list[float] | None = column(
        pa.list_(pa.float32()),
        f"probability of each completed year of age, {AGES} values for 0 to {AGES - 1}, the last for all"
        f" above; null where age is. Rounded to 1/{P_AGE_STEPS} so that they add up to 1: 0 is less than"
        " that, not impossible",
        nullable=True,
    )
    gender: str | None = column(
        RANKED,
        f"apparent gender ({', '.join(GENDERS)}), null where it is unknown: {APPARENT}",
        nullable=True,
        values=GENDERS,
    )
    p_female: float | None = _probability("female")
    mood: str | None = column(
        RANKED,
        f"apparent mood ({', '.join(MOODS)}), null where it is unknown: {APPARENT}",
        nullable=True,
        values=MOODS,
    )
    p_angry: float | None = _probability("angry")
    p_disgust: float | None = _probability("disgust")
    p_fear: float | None = _probability("fear")
    p_happy: float | None = _probability("happy")
    p_sad: float | None = _probability("sad")
    p_surprise: float | None = _probability("surprise")
    p_neutral: float | None = _probability("neutral")
