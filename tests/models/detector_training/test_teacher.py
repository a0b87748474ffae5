from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.models.detector_training.teacher import (
    UNKNOWN,
    Teacher,
    correct,
    grids,
    mirrored,
    teacher_faces,
)
from headcount.models.detectors import load_detector
from headcount.models.detectors.cells import STRIDES
from headcount.models.detectors.search import Detection
from headcount.models.framing import Box
from headcount.schemas.errors import UsageError

SIDE = 64
CELLS = sum((SIDE // stride) ** 2 for stride in STRIDES)


def points(answers):
    """Score, box and landmarks in pixels of every cell."""
    rows = []
    for start, height, width, stride in grids(SIDE, SIDE):
        for cell in range(height * width):
            y, x = divmod(cell, width)
            one = answers[start + cell].astype(float)
            centre = (x + one[1]) * stride, (y + one[2]) * stride
            marks = (one[5:].reshape(5, 2) + np.array([x, y])) * stride
            rows.append((one[0], centre, tuple(one[3:5]), marks))
    return rows


def test_a_mirrored_face_lies_at_the_mirrored_place():
    answers = np.zeros((CELLS, 15), np.float32)
    answers[8 * 2 + 3] = [0.9, 0.2, 0.4, 1.0, 1.2, -1, 0, 1, 0, 0.1, 0.5, -0.8, 1, 0.8, 1.1]
    before = max(points(answers), key=lambda row: row[0])
    after = max(points(mirrored(answers, SIDE)), key=lambda row: row[0])
    assert after[0] == before[0]
    assert after[1] == pytest.approx((SIDE - before[1][0], before[1][1]))
    assert after[2] == before[2]
    expected = before[3][[1, 0, 2, 4, 3]] * (-1, 1) + (SIDE, 0)
    assert after[3] == pytest.approx(expected)


def test_nothing_is_known_of_the_first_column_of_a_mirrored_picture():
    turned = mirrored(np.ones((CELLS, 15), np.float32), SIDE)
    for start, rows, columns, _ in grids(SIDE, SIDE):
        scores = turned[start : start + rows * columns, 0].reshape(rows, columns)
        assert (scores[:, 0] == UNKNOWN).all()
        assert (scores[:, 1:] == 1).all()


def test_what_lies_where_no_face_can_be_is_false():
    answers = np.zeros((CELLS, 15), np.float32)
    answers[:, 0] = 0.7
    maybe = np.zeros((SIDE, SIDE), np.uint8)
    maybe[:, 32:] = 255
    correct(answers, maybe, np.zeros((0, 3)))
    for start, rows, columns, _ in grids(SIDE, SIDE):
        scores = answers[start : start + rows * columns, 0].reshape(rows, columns)
        assert (scores[:, : columns // 2] == 0).all()
        assert (scores[:, columns // 2 :] == np.float32(0.7)).all()


@pytest.mark.parametrize(("seen", "expected"), [(0.1, UNKNOWN), (0.8, 0.0)])
def test_a_face_that_the_teacher_misses_is_not_learned_to_be_none(seen, expected):
    answers = np.zeros((CELLS, 15), np.float32)
    cell = 3 * 8 + 3
    answers[cell, 0] = seen
    correct(answers, np.full((SIDE, SIDE), 255, np.uint8), np.array([[28.0, 28.0, 24.0]]))
    assert answers[cell + 1, 0] == expected
    assert answers[0, 0] == 0


def test_a_face_found_at_both_scales_counts_once():
    class Twice:
        def detect(self, pixels):
            size = pixels.shape[0] / 100
            near, far = Box(10, 10, 30, 30).scaled(size), Box(60, 60, 80, 80).scaled(size)
            return [Detection(near, 0.5 + size / 10), *([Detection(far, 0.4)] if size > 1 else [])]

    found = teacher_faces(np.zeros((100, 100, 3), np.uint8), Twice())
    assert [(one.box, round(one.score, 2)) for one in found] == [
        (Box(10, 10, 30, 30), 0.7),
        (Box(60, 60, 80, 80), 0.4),
    ]


def test_the_surer_scale_answers_for_a_cell():
    class Scales(Teacher):
        def __init__(self):
            pass

        def _levels(self, pixels):
            doubled = len(pixels) == 2 * SIDE
            levels = [np.full(((len(pixels) // s) ** 2, 15), 0.1 if doubled else 0.5) for s in STRIDES]
            if doubled:
                levels[1][3] = 0.9
            return levels

    answers = Scales().answer(np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8))
    assert answers.shape == (CELLS, 15)
    assert (answers[3] == 0.9).all()
    assert (np.delete(answers, 3, axis=0) == 0.5).all()


def test_a_teacher_that_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"no teacher at nowhere\.onnx"):
        Teacher(Path("nowhere.onnx"))


def test_dense_answers_are_where_the_detector_finds_the_face(data, portrait):
    file = data / "models" / "face_detection_yunet_2026may.onnx"
    doubled = cv2.resize(portrait, (640, 640))
    answers = Teacher(file).answer(doubled)
    best = int(answers[:, 0].argmax())
    start, _, columns, stride = next(level for level in reversed(list(grids(320, 320))) if level[0] <= best)
    y, x = divmod(best - start, columns)
    centre = np.array([x + answers[best, 1], y + answers[best, 2]]) * stride
    face = teacher_faces(cv2.resize(doubled, (320, 320)), load_detector("yunet", str(file)))[0].box
    assert centre == pytest.approx([(face.left + face.right) / 2, (face.top + face.bottom) / 2], abs=6)
