import json
from datetime import datetime

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from headcount.beam_pipeline.evaluate.attributes import EvaluateOptions, cut_out, evaluate_files, frame_faces
from headcount.beam_pipeline.look import see
from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.seeing import read_settings
from headcount.beam_pipeline.settings import Seeing, Settings
from headcount.models.attributes import load_attribute_model
from headcount.models.datasets.labelled import LabelledFace
from headcount.models.detectors.search import Detector
from headcount.models.evaluation.attributes import predict
from headcount.models.framing import Box, Framing
from headcount.models.intervals import expected_age
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import MOODS
from tests.conftest import ORIENTATION


def detector(*boxes):
    return Detector("made", 0.5, Framing(), lambda pixels: [(box, 0.9, None) for box in boxes])


def shown_at(pixels):
    """A picture that tells columns apart."""
    return np.tile(np.arange(pixels, dtype=np.uint8)[None, :, None], (pixels, 1, 3))


def test_the_face_nearest_the_centre_counts(reading):
    corner, middle = Box(0, 0, 40, 40), Box(80, 90, 120, 130)
    crop, found = cut_out(shown_at(100), detector(corner, middle), reading)
    assert found
    assert 40 <= crop.min() < crop.max() <= 60


def test_without_a_face_the_whole_picture_counts(reading):
    crop, found = cut_out(shown_at(100), detector(), reading)
    assert not found
    assert crop.max() - crop.min() > 95


def test_pictures_that_cannot_be_read_are_counted(reading):
    good = LabelledFace("good", np.zeros((80, 80, 3), np.uint8), (30, 31))
    faces, unreadable = frame_faces([good, LabelledFace("bad", b"no picture")], reading)
    assert (faces.face_id.tolist(), unreadable) == (["good"], 1)
    assert faces.crops.shape == (1, 96, 96, 3)
    with pytest.raises(UsageError, match="none of the 1"):
        frame_faces([LabelledFace("bad", b"")], reading)


@pytest.fixture
def photo(tmp_path, portrait):
    """A photo that is stored turned, and so large that a run decodes it smaller."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    large = Image.fromarray(portrait).crop((0, 0, 400, 512)).resize((2000, 2560), Image.Resampling.BICUBIC)
    (tmp_path / "in").mkdir()
    large.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "in" / "a.jpg", exif=exif, quality=92)
    return tmp_path / "in" / "a.jpg"


def test_run_look_and_evaluate_say_the_same_of_a_face(photo, tmp_path):
    run(Settings(input=(str(photo),), output=str(tmp_path / "out"), processes=1))
    (row,) = pd.read_parquet(tmp_path / "out" / "faces").to_dict("records")
    (looked,) = see(str(photo), Seeing()).faces
    model = load_attribute_model()
    faces, _ = frame_faces(
        [LabelledFace("a", photo.read_bytes())], read_settings(Seeing(), model.side, datetime(2026, 1, 1))
    )
    outputs = predict(model, faces.crops)
    moods = dict(zip(MOODS, outputs["mood"][0].tolist(), strict=True))
    evaluated = {
        "age": expected_age(outputs["age"]).item(),
        "p_female": outputs["gender"].item(),
        **{f"p_{mood}": p for mood, p in moods.items()},
    }
    for name, value in evaluated.items():
        assert getattr(looked, name) == pytest.approx(value, abs=1e-3), name
        assert row[name] == pytest.approx(value, abs=1e-3), name
    for name in ("left", "top", "right", "bottom", "score", "sharpness", "brightness", "age_low", "age_high"):
        assert getattr(looked, name) == pytest.approx(row[name], rel=1e-3), name
    assert (looked.age_group, looked.gender, looked.mood) == (row["age_group"], row["gender"], row["mood"])


def test_a_folder_of_pictures_becomes_a_page_and_figures(tmp_path, portrait):
    pytest.importorskip("matplotlib")
    for name in ("female/50-59/a.jpg", "male/50-59/b.jpg"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name), portrait[..., ::-1])
    threads = cv2.getNumThreads()
    options = EvaluateOptions((tmp_path / "set",), tmp_path / "report")
    metrics = evaluate_files(options)
    assert metrics["gender.accuracy"] == 0.5
    assert metrics["found"] == 1
    assert json.loads((tmp_path / "report" / "metrics.json").read_text()) == metrics
    assert "<html" in (tmp_path / "report" / "index.html").read_text()
    assert cv2.getNumThreads() == threads


def test_what_cannot_be_measured_is_one_line_before_or_after_the_work(tmp_path, portrait):
    pytest.importorskip("matplotlib")
    picture = cv2.imencode(".png", portrait)[1].tobytes()
    pq.write_table(pa.table({"face_id": ["a"], "image": [picture]}), tmp_path / "bare.parquet")
    with pytest.raises(UsageError, match="none of the 1 faces has"):
        evaluate_files(EvaluateOptions((tmp_path / "bare.parquet",), tmp_path / "report"))
    with pytest.raises(UsageError, match="cannot write to"):
        evaluate_files(EvaluateOptions((tmp_path / "bare.parquet",), tmp_path / "bare.parquet"))
