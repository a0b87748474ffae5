"""Labelled faces as people keep them: the shared Parquet format and the forms of public sets.

| form | what names it | labels |
|---|---|---|
| Parquet | `*.parquet` with `face_id`, `image` and any labels | age or bin, gender, mood votes, group |
| UTKFace | `AGE_GENDER_RACE_TIME.jpg` | exact age, gender, group |
| FER2013 | a CSV with `emotion,pixels,Usage` | mood |
| Adience | `fold_0_data.txt` next to the folder of its faces | age bin, gender |
| folders | `female/30-39/a.jpg`, `happy/b.jpg` | what the folders' names say |
"""

from __future__ import annotations

import csv
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from headcount.schemas.errors import UsageError
from headcount.schemas.labels import AGE_GROUPS, GENDERS, MOODS

MOOD_VOTES: Final = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
"""Order of the votes of a face's mood, in our words; contempt is not one of `MOODS`."""

PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

FORMS: Final = "Parquet files, UTKFace or Adience files, FER2013's CSV, or folders named by their labels"

NO_VOTES: Final = (0,) * len(MOOD_VOTES)

_OLDEST: Final = 200.0
"""End of an open bin, in years."""


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One picture of a face and what is said of it."""

    face_id: str
    picture: bytes | np.ndarray
    """An encoded picture, or RGB uint8 [height, width, 3]."""
    age: tuple[float, float] = (math.nan, math.nan)
    """Years [low, high), one year apart for an exact age; nan where there is none."""
    female: float = math.nan
    """1 female, 0 male, nan where there is no gender."""
    votes: tuple[int, ...] = NO_VOTES
    """In the order of MOOD_VOTES; zeros where there is no mood."""
    group: str = ""
    """The source's own word; for measuring gaps between groups and for nothing else."""
    source: str = ""
    split: str = ""
    apparent: tuple[float, float] = (math.nan, math.nan)
    """Mean and standard deviation of the ages that people guessed, in years; nan where nobody did."""


def read_labelled(place: Path) -> Iterator[LabelledFace]:
    """The labelled faces of a file or folder, in order of their names.

    Raises UsageError for a place that is not there or holds none of the forms.
    """
    if not place.exists():
        raise UsageError(f"no labelled faces at {place}: it is not there; give {FORMS}")
    if place.is_file():
        return _read_file(place)
    if files := sorted(place.glob("*.parquet")) or sorted(place.glob("fold_*_data.txt")):
        return (face for file in files for face in _read_file(file))
    return _pictures(place)


def _read_file(file: Path) -> Iterator[LabelledFace]:
    readers = {".parquet": read_parquet, ".csv": read_fer2013, ".txt": read_adience}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise UsageError(f"{file} holds no labelled faces that can be read; give {FORMS}")
    return reader(file)


def read_parquet(file: Path) -> Iterator[LabelledFace]:
    """The shared format; of its columns only `face_id` and `image` must be there."""
    try:
        table = pq.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} is not Parquet ({error})") from error
    missing = {"face_id", "image"} - set(table.schema_arrow.names)
    if missing:
        raise UsageError(f"{file} lacks {', '.join(sorted(missing))}; it has {table.schema_arrow.names}")
    for batch in table.iter_batches(256):
        for row in batch.to_pylist():
            yield LabelledFace(
                face_id=str(row["face_id"]),
                picture=row["image"],
                age=_age_of(row),
                apparent=_apparent_of(row),
                female=_female(row.get("gender")),
                votes=tuple(row.get("mood_votes") or NO_VOTES),
                group=row.get("group") or "",
                source=row.get("source") or "",
                split=row.get("split") or "",
            )


def _age_of(row: Mapping[str, Any]) -> tuple[float, float]:
    low, high, age = row.get("age_low"), row.get("age_high"), row.get("age")
    if low is not None:
        return float(low), _OLDEST if high is None else float(high)
    return (math.nan, math.nan) if age is None else (math.floor(age), math.floor(age) + 1.0)


def _apparent_of(row: Mapping[str, Any]) -> tuple[float, float]:
    mean, spread = row.get("apparent_age"), row.get("apparent_std")
    return math.nan if mean is None else float(mean), math.nan if spread is None else float(spread)


def read_fer2013(file: Path) -> Iterator[LabelledFace]:
    """`emotion,pixels,Usage`: one mood, 48x48 grey levels, and the split."""
    csv.field_size_limit(sys.maxsize)
    with file.open(newline="") as lines:
        rows = csv.DictReader(lines)
        missing = {"emotion", "pixels"} - set(rows.fieldnames or ())
        if missing:
            raise UsageError(
                f"{file} lacks {', '.join(sorted(missing))}; FER2013 has emotion,pixels,Usage, boxes"
                " have path,left,top,right,bottom"
            )
        for number, row in enumerate(rows):
            try:
                grey = np.array(row["pixels"].split(), np.uint8)
                side = math.isqrt(grey.size)
                picture = np.repeat(grey.reshape(side, side, 1), 3, 2)
                votes = votes_for(MOODS[int(row["emotion"])])
            except (ValueError, IndexError, OverflowError) as error:
                raise UsageError(f"{file}, face {number}: not as in FER2013 ({error})") from error
            yield LabelledFace(f"{file.stem}-{number}", picture, votes=votes, split=row.get("Usage") or "")


def votes_for(mood: str) -> tuple[int, ...]:
    """Ten votes for one mood."""
    return tuple(10 * (one == mood) for one in MOOD_VOTES)


def read_adience(file: Path) -> Iterator[LabelledFace]:
    """A fold file of Adience: tab-separated, with the faces in `faces/` or `aligned/` next to it."""
    with file.open(newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        missing = {"user_id", "original_image", "face_id", "age", "gender"} - set(rows.fieldnames or ())
        if missing:
            raise UsageError(f"{file} lacks {', '.join(sorted(missing))}; Adience's fold files have them")
        for row in rows:
            user, image, number = row["user_id"], row["original_image"], row["face_id"]
            names = (
                f"faces/{user}/coarse_tilt_aligned_face.{number}.{image}",
                f"aligned/{user}/landmark_aligned_face.{number}.{image}",
            )
            picture = next((path for name in names if (path := file.parent / name).is_file()), None)
            if picture is None:
                raise UsageError(f"{file}: no picture at {file.parent / names[0]}; unpack the faces there")
            yield LabelledFace(
                face_id=f"{user}/{number}.{image}",
                picture=picture.read_bytes(),
                age=_adience_age(row["age"]),
                female={"f": 1.0, "m": 0.0}.get(row["gender"], math.nan),
                split=file.stem,
            )


def _adience_age(text: str) -> tuple[float, float]:
    """`(25, 32)` with both ends in it, or a single age that the set's users round; else none."""
    years = [float(number) for number in re.findall(r"\d+", text)]
    return (years[0], years[-1] + 1) if years else (math.nan, math.nan)


def _pictures(folder: Path) -> Iterator[LabelledFace]:
    """The pictures of a folder, by UTKFace's names where they have them, else by their folders' names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    found = False
    for path in paths:
        labels = utkface_labels(path.name) or folder_labels(path.relative_to(folder).parts[:-1])
        if labels:
            found = True
            yield LabelledFace(str(path.relative_to(folder)), path.read_bytes(), **labels)
    if not found:
        raise UsageError(f"no labelled faces in {folder}: {len(paths)} pictures without labels; give {FORMS}")


UTKFACE_GROUPS: Final = ("White", "Black", "Asian", "Indian", "Other")


def utkface_labels(name: str) -> dict[str, Any]:
    """The labels in a UTKFace name, `AGE_GENDER_RACE_TIME.jpg`; empty for any other name."""
    match = re.match(r"(\d{1,3})_([01])_([0-4])_\d+", name)
    if match is None:
        return {}
    age, gender, group = (int(number) for number in match.groups())
    return {
        "age": (float(age), age + 1.0),
        "female": float(gender == 1),
        "group": UTKFACE_GROUPS[group],
        "source": "utkface",
    }


_GENDER_WORDS: Final = {
    **dict.fromkeys((GENDERS[0], "f", "woman", "women", "females"), 1.0),
    **dict.fromkeys((GENDERS[1], "m", "man", "men", "males"), 0.0),
}
_MOOD_WORDS: Final = {
    **{mood: mood for mood in MOODS},
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
_AGE_GROUP_ENDS: Final = {
    name: (float(start), float(end))
    for (name, start), end in zip(AGE_GROUPS, (*(start for _, start in AGE_GROUPS[1:]), _OLDEST), strict=True)
}


def _word(read: Callable[[str], Any], names: tuple[str, ...]) -> Any:
    return next((value for name in names if (value := read(name)) is not None), None)


def folder_labels(names: tuple[str, ...]) -> dict[str, Any]:
    """What names of folders say: a gender, a mood, an age (`31`), a bin with both ends in it (`30-39`,
    `(30, 39)`, `70+`) or one of our age groups; empty where they say nothing."""
    words = tuple(re.sub(r"[\s_]+", " ", name.lower()).strip() for name in names)
    labels: dict[str, Any] = {}
    if (age := _word(_folder_age, words)) is not None:
        labels["age"] = age
    if (female := _word(_GENDER_WORDS.get, words)) is not None:
        labels["female"] = female
    if (mood := _word(_MOOD_WORDS.get, words)) is not None:
        labels["votes"] = votes_for(mood)
    return labels


def _folder_age(word: str) -> tuple[float, float] | None:
    if word in _AGE_GROUP_ENDS:
        return _AGE_GROUP_ENDS[word]
    match = re.fullmatch(r"\(?(?:more than )?(\d{1,3})(?:\s*(-|,|to)\s*(\d{1,3})|(\+))?\)?", word)
    if match is None:
        return None
    low = float(match[1])
    if match[4] or word.startswith("more than"):
        return low, _OLDEST
    return low, float(match[3] or match[1]) + 1


def _female(gender: str | None) -> float:
    return math.nan if gender is None else float(gender == GENDERS[0])
