import json

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.beam_pipeline.evaluate.attributes import EvaluateOptions, evaluate_files
from headcount.models.datasets.labelled import LabelledFace
from headcount.models.detectors.search import Detector
from headcount.models.evaluation.attributes import frame_faces, frame_picture, predict
from headcount.models.framing import Box, Framing
from headcount.schemas.errors import UsageError


def detector(*boxes):
    return Detector("made", 0.5, Framing(), lambda pixels: [(box, 0.9, None) for box in boxes])


def test_the_face_nearest_the_centre_counts():
    picture = np.zeros((100, 100, 3), np.uint8)
    corner, middle = Box(0, 0, 40, 40), Box(80, 90, 120, 130)
    box, found = frame_picture(picture, detector(corner, middle), 200)
    assert found
    assert (box.left, box.top, box.right, box.bottom) == (40, 45, 60, 65)


def test_without_a_face_the_whole_picture_counts():
    box, found = frame_picture(np.zeros((60, 100, 3), np.uint8), detector(), 200)
    assert not found
    assert (box.width, box.height) == (100, 60)


def test_pictures_that_cannot_be_read_are_counted():
    good = LabelledFace("good", np.zeros((80, 80, 3), np.uint8), (30, 31))
    faces, unreadable = frame_faces([good, LabelledFace("bad", b"no picture")], detector, 160, 96)
    assert (faces.face_id.tolist(), unreadable) == (["good"], 1)
    assert faces.crops.shape == (1, 96, 96, 3)
    with pytest.raises(UsageError, match="none of the 1"):
        frame_faces([LabelledFace("bad", b"")], detector, 160, 96)


def test_outputs_of_all_batches_are_joined_in_order():
    crops = np.arange(300, dtype=np.uint8).repeat(4 * 4 * 3).reshape(300, 4, 4, 3)

    class Level:
        side = 4

        def describe(self, crops):
            return {"gender": crops[:, 0, 0, 0]}

    assert (predict(Level(), crops)["gender"] == np.arange(300) % 256).all()


def test_a_folder_of_pictures_becomes_a_page_and_figures(tmp_path, portrait):
    pytest.importorskip("matplotlib")
    for name in ("female/50-59/a.jpg", "male/50-59/b.jpg"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name), portrait[..., ::-1])
    options = EvaluateOptions((tmp_path / "set",), tmp_path / "report")
    metrics = evaluate_files(options)
    assert metrics["gender.accuracy"] == 0.5
    assert metrics["found"] == 1
    assert json.loads((tmp_path / "report" / "metrics.json").read_text()) == metrics
    assert "<html" in (tmp_path / "report" / "index.html").read_text()


def test_what_cannot_be_measured_is_one_line_before_or_after_the_work(tmp_path, portrait):
    pytest.importorskip("matplotlib")
    picture = cv2.imencode(".png", portrait)[1].tobytes()
    pq.write_table(pa.table({"face_id": ["a"], "image": [picture]}), tmp_path / "bare.parquet")
    with pytest.raises(UsageError, match="none of the 1 faces has"):
        evaluate_files(EvaluateOptions((tmp_path / "bare.parquet",), tmp_path / "report"))
    with pytest.raises(UsageError, match="cannot write to"):
        evaluate_files(EvaluateOptions((tmp_path / "bare.parquet",), tmp_path / "bare.parquet"))
