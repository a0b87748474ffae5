"""What a run is asked to do: every option with its default, and the checks made before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Final

from headcount.beam_pipeline.options import Range, option, read_options
from headcount.models.detectors import DEFAULT_DETECTOR, DEFAULT_MIN_FACE, DETECTORS
from headcount.models.shipped import DEFAULT_MODEL
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import ATTRIBUTES
from headcount.transforms.collection.found_file import uri_of
from headcount.transforms.collection.storage import is_remote

DECIDE_ROWS: Final = (
    "detector",
    "min_face",
    "min_score",
    "attributes",
    "keep_location",
    "use_mtime",
    "max_pixels",
)
"""Beside the models: what must be the same for the rows of an earlier run to be kept."""

DEFAULT_MAX_PIXELS: Final = 250_000_000
"""A 200-megapixel panorama passes; decoded it takes 750 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeing:
    """The options that decide what is seen in a photo, under the names of their flags.

    They may be given as texts, as typed after flags, or from Python: a place is a text, a path or a list of
    them. Raises UsageError for a value that cannot be used.
    """

    detector: str = option(
        f"what finds the faces: {', '.join(DETECTORS[:-1])} or {DETECTORS[-1]}",
        label="Detector",
        metavar="NAME",
        default=DEFAULT_DETECTOR,
        choices=DETECTORS,
    )
    detector_model: str | None = option(
        "model file of the detector; yunet needs one",
        label="Model of the detector",
        metavar="FILE",
        default=None,
        is_place=True,
    )
    min_face: float = option(
        "smallest face that must be found, as a share of the photo's longer side; less is slower and finds"
        " more",
        label="Smallest face",
        metavar="SHARE",
        default=DEFAULT_MIN_FACE,
        range=Range("a share of the longer side of the photo", most=1, over=True),
    )
    min_score: float | None = option(
        "leave out faces that the detector gives a score below this, 0 to 1",
        label="Smallest score",
        metavar="SCORE",
        default=None,
        range=Range("a score", most=1),
    )
    attributes: tuple[str, ...] = option(
        "which to predict, with commas between",
        label="Attributes",
        metavar="LIST",
        default=ATTRIBUTES,
        choices=ATTRIBUTES,
        commas=True,
    )
    attribute_model: str = option(
        "headcount, fairface (age and gender, from FairFace's CC BY 4.0 data alone), or your own .tflite"
        " file, SavedModel folder or TensorFlow Hub handle; a SavedModel is a program that may do on your"
        " machine what you may, so take it from people you trust",
        label="Attribute model",
        metavar="MODEL",
        default=DEFAULT_MODEL,
        is_place=True,
    )
    use_mtime: bool = option(
        "date photos by their modification time where nothing else does",
        label="Use modification times",
        default=False,
    )
    max_pixels: int = option(
        "leave out pictures with more pixels",
        label="Largest picture",
        metavar="N",
        default=DEFAULT_MAX_PIXELS,
        range=Range("a number of pixels", least=1),
    )
    photo_timeout: float = option(
        "most seconds for one photo",
        label="Time limit",
        metavar="SECONDS",
        default=60.0,
        range=Range("seconds", most=86_400, over=True),
    )

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in read_options(type(self), given).items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Seeing):
    """The options of a pipeline that reads many photos."""

    keep_location: bool = option(
        "write latitude and longitude, which are left out otherwise", label="Keep positions", default=False
    )
    processes: int = option(
        "child processes that read photos; 0 is one per core",
        label="Processes",
        metavar="N",
        default=0,
        range=Range("a number of processes, or 0 for one per core"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Reading):
    """The options of `headcount run`."""

    input: tuple[str, ...] = option(
        "a folder with its subfolders, gs:// or s3:// and all below, a glob in quotes, a photo, or a .txt"
        " list of paths; repeatable",
        label="Photos",
        metavar="PLACE",
        is_place=True,
    )
    output: str = option(
        "a folder for the tables, or gs:// or s3://; replaced as a whole",
        label="Tables",
        metavar="FOLDER",
        is_place=True,
    )
    max_failures: int | None = option(
        "exit with status 1 after a run with more failures than this",
        label="Most failures",
        metavar="N",
        default=None,
        range=Range("a number of failures"),
    )
    rehash: bool = option(
        "read every file, also those that look unchanged", label="Read everything again", default=False
    )
    retry_failed: bool = option(
        "read also those files again whose bytes failed; what the machine failed on always is",
        label="Read what failed again",
        default=False,
    )
    allow_gone: bool = option(
        "publish also a run that many photos leave", label="Let many photos leave", default=False
    )
    keep_deleted: bool = option(
        "keep the rows of photos that are no longer there", label="Keep rows of deleted photos", default=False
    )
    forget: tuple[str, ...] = option(
        "leave no row of this photo and its copies, or of a folder's, in this and later runs; repeatable",
        label="Photo to forget",
        metavar="PHOTO",
        default=(),
        is_place=True,
    )

    def check(self) -> None:
        """Raises UsageError for places and options that cannot work together."""
        from headcount.transforms.collection.listing.inputs import check_input  # Imports pyarrow.

        _check_working_folder((*self.input, self.output))
        for source in self.input:
            if not is_remote(source):  # Buckets are asked when the engine's options are known.
                check_input(source)
        try:
            os.path.abspath(self.output).encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"--output {uri_of(self.output)} is not UTF-8; give another folder") from error
        if self.rehash and self.retry_failed:
            raise UsageError("--rehash reads everything, also what failed; give it without --retry_failed")


def _check_working_folder(places: Iterable[str]) -> None:
    """Raises UsageError for a relative path where the working folder was deleted."""
    try:
        os.getcwd()
    except FileNotFoundError:
        for place in places:
            if not (is_remote(place) or os.path.isabs(place)):
                raise UsageError(
                    f"{place} is relative to the working folder, which was deleted; give its whole path"
                ) from None


def make_settings(**given: Any) -> Settings:
    """The settings `given` by name; raises UsageError for what is missing, unknown or cannot be used."""
    return Settings(**read_options(Settings, given))
