"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headcount.models.detectors import DEFAULT_DETECTOR
from headcount.models.detectors.search import detection_side
from headcount.models.framing import CROP_SIZE
from headcount.schemas.manifest import Manifest
from headcount.transforms.photo.reader import ReadSettings
from tests.buckets import gs, s3  # noqa: F401

DATA = Path(os.environ.get("HEADCOUNT_DATA", Path(__file__).parents[2] / "shared" / "data"))

TAKEN = "2019:03:04 10:11:12"
DATE_TIME_ORIGINAL, EXIF_IFD, MAKE, ORIENTATION = 36867, 34665, 271, 274


@pytest.fixture(scope="session")
def data() -> Path:
    """The optional folder of labelled faces and albums; without it the test is skipped."""
    if not DATA.is_dir():
        pytest.skip(f"no data at {DATA}: set HEADCOUNT_DATA to run this test")
    return DATA


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """A public-domain portrait with one face, uint8 RGB [512, 512, 3]."""
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray) -> Path:
    """A small album: three photos and a copy, two files that are no pictures, and what must be skipped."""
    root = tmp_path_factory.mktemp("album")
    (root / "2019").mkdir()
    (root / ".thumbnails").mkdir()
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = "Maker", 6
    exif.get_ifd(EXIF_IFD)[DATE_TIME_ORIGINAL] = TAKEN
    upright = Image.fromarray(portrait).crop((0, 0, 400, 512))
    upright.transpose(Image.Transpose.ROTATE_90).save(root / "2019" / "turned.jpg", exif=exif)
    shutil.copy(root / "2019" / "turned.jpg", root / "2019" / "a copy.jpg")
    Image.fromarray(portrait).save(root / "IMG_20200102_030405.webp")
    Image.linear_gradient("L").save(root / "no face.png")
    (root / "text.jpg").write_text("this is no picture")
    (root / "empty.jpg").touch()
    (root / "notes.csv").write_text("a,b")
    shutil.copy(root / "2019" / "turned.jpg", root / ".thumbnails" / "small.jpg")
    return root


@pytest.fixture
def reading() -> ReadSettings:
    """The settings of a default run that starts in 2026."""
    return ReadSettings(
        detector=DEFAULT_DETECTOR,
        detector_model=None,
        detection_side=detection_side(),
        min_score=None,
        crop_size=CROP_SIZE,
        keep_location=False,
        use_mtime=False,
        max_pixels=100_000_000,
        started_at=datetime(2026, 1, 1),
    )


@pytest.fixture(scope="session")
def finished(album: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """The output of one whole run over `album`."""
    from headcount.beam_pipeline.run import run
    from headcount.beam_pipeline.settings import Settings

    output = tmp_path_factory.mktemp("out")
    return output, run(Settings(input=(str(album),), output=str(output)))
