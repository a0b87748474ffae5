"""The faces table: one row per face that was found, with what it looks like in that one picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from headcount.schemas.columns import TEXT, WALL_CLOCK, WORD, column
from headcount.schemas.labels import AGE_GROUPS, AGES, GENDERS, MOODS

APPARENT = "what the face looks like in this picture, not who the person is"

_AGE_GROUPS = ", ".join(f"{name} from {start}" for name, start in AGE_GROUPS)


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
    age_group: str | None = column(WORD, f"the group that holds age: {_AGE_GROUPS}", nullable=True)
    p_age: list[float] | None = column(
        pa.list_(pa.float16(), AGES),
        f"probability of each completed year of age, 0 to {AGES - 1}, the last for all above;"
        " all of them null where age is",
        nullable=True,
    )
    gender: str | None = column(
        WORD,
        f"apparent gender ({', '.join(GENDERS)}), null where it cannot be told: {APPARENT}",
        nullable=True,
    )
    p_female: float | None = _probability("female")
    mood: str | None = column(
        WORD, f"apparent mood ({', '.join(MOODS)}), null where it cannot be told: {APPARENT}", nullable=True
    )
    p_angry: float | None = _probability("angry")
    p_disgust: float | None = _probability("disgust")
    p_fear: float | None = _probability("fear")
    p_happy: float | None = _probability("happy")
    p_sad: float | None = _probability("sad")
    p_surprise: float | None = _probability("surprise")
    p_neutral: float | None = _probability("neutral")
