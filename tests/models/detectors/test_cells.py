import numpy as np
import pytest

from headcount.models.detectors.cells import PARTS, STRIDES, faces_in
from headcount.models.framing import Box


def outputs_with(*answers):
    """For a picture of 64 pixels: each answer is a stride, a cell (x, y), a score and its 14 numbers."""
    outputs = {
        f"{part}_{stride}": np.zeros((1, 64 // stride, 64 // stride, numbers), np.float32)
        for stride in STRIDES
        for part, numbers in PARTS.items()
    }
    for stride, (x, y), score, numbers in answers:
        outputs[f"score_{stride}"][0, y, x] = score
        outputs[f"bbox_{stride}"][0, y, x] = numbers[:4]
        outputs[f"kps_{stride}"][0, y, x] = numbers[4:]
    return outputs


FACE = [0.5, 0.25, np.log(2), np.log(3), *[0.25, 0.75] * 5]


def test_boxes_and_landmarks_are_in_pixels():
    ((box, score, marks),) = faces_in(outputs_with((16, (2, 1), 0.8, FACE)), 0.3)
    assert score == pytest.approx(0.8)
    # The centre is at (2.5, 1.25) cells of 16 pixels, the size 2 by 3 cells.
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((24, -4, 56, 44))
    assert np.array(marks) == pytest.approx(np.array([(36, 28)] * 5))


def test_a_face_that_several_cells_see_is_one_and_the_surest_answer_stays():
    near = [FACE[0] - 1, *FACE[1:]]
    found = list(faces_in(outputs_with((16, (1, 1), 0.6, FACE), (16, (2, 1), 0.9, near)), 0.3))
    assert [score for _, score, _ in found] == [pytest.approx(0.9)]


def test_the_best_face_of_all_levels_comes_first():
    small = [0, 0, 0, 0, *[0] * 10]
    found = list(faces_in(outputs_with((32, (1, 1), 0.5, small), (8, (1, 1), 0.7, small)), 0.3))
    assert [(box, round(score, 1)) for box, score, _ in found] == [
        (Box(4, 4, 12, 12), 0.7),
        (Box(16, 16, 48, 48), 0.5),
    ]


def test_scores_below_the_least_and_empty_pictures_give_nothing():
    assert list(faces_in(outputs_with((8, (0, 0), 0.29, FACE)), 0.3)) == []
    assert list(faces_in(outputs_with(), 0.3)) == []
