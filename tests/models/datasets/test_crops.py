import cv2
import numpy as np
import pytest

from headcount.models.attribute_training.augment import augment
from headcount.models.datasets.crops import (
    PACKED_SIZE,
    age_classes,
    concatenate,
    decode,
    find_face,
    labels_of,
    load,
    majority_mood,
    mood_shares,
    pack,
    reserved,
)
from headcount.models.datasets.labelled import LabelledFace, votes_for
from headcount.models.detectors.search import Detection
from headcount.models.framing import CROP_SIZE, Box, crop_face
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import AGES, MOODS
from tests.models.faces import make_faces


@pytest.mark.parametrize(
    ("years", "classes"),
    [
        ((30, 31), (30, 31)),
        ((20, 30), (20, 30)),
        ((70, 200), (70, AGES)),
        ((116, 117), (AGES - 1, AGES)),
        ((0, 0), (0, 0)),
    ],
)
def test_ages_and_bins_become_classes(years, classes):
    assert tuple(age_classes(np.array([years]))[0]) == classes


def test_labels_become_arrays():
    labels = labels_of(
        [LabelledFace("a", b"", (20, 30), 1.0), LabelledFace("b", b"", votes=votes_for("sad"))]
    )
    assert labels["age"].tolist() == [[20, 30], [0, 0]]
    assert labels["female"][0] == 1
    assert np.isnan(labels["female"][1])
    assert labels["votes"].sum(1).tolist() == [0, 10]


def test_votes_become_shares_of_seven_moods():
    shares, known = mood_shares(np.array([[5, 5, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 9]]))
    assert shares[0, MOODS.index("neutral")] == shares[0, MOODS.index("happy")] == 0.5
    assert known.tolist() == [True, False]


def test_a_majority_is_more_than_half_of_all_votes():
    votes = np.array([[6, 4, 0, 0, 0, 0, 0, 0], [5, 3, 0, 0, 0, 0, 0, 2], [0, 1, 0, 0, 0, 0, 0, 9]])
    assert majority_mood(votes).tolist() == [MOODS.index("neutral"), -1, -1]


def test_one_face_in_twenty_is_set_aside_the_same_everywhere():
    aside = [reserved(f"face-{number}") for number in range(4000)]
    assert 150 < sum(aside) < 250
    assert aside == [reserved(f"face-{number}") for number in range(4000)]


class OneFace:
    """Finds a bright square where it is shown one in a picture of the right size."""

    def __init__(self, side):
        self.side = side

    def detect(self, rgb):
        rows, columns = np.nonzero(rgb[..., 0] > 200)
        if rgb.shape[0] != self.side or not len(rows):
            return []
        box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return [Detection(Box(0, 0, 5, 5), 0.9), Detection(box, 0.8)]


def test_the_face_nearest_the_centre_is_found_in_pixels_of_the_picture():
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[12:32, 12:28] = 255
    found = find_face(picture, OneFace(120), ((0.0, 100), (0.25, 120)))
    assert found is not None
    assert (found.left, found.top, found.right, found.bottom) == pytest.approx((12, 12, 28, 32), abs=1)
    assert find_face(picture, OneFace(99), ((0.0, 100),)) is None


def test_the_middle_of_a_packed_crop_is_the_crop_of_a_run():
    picture = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    picture = cv2.resize(picture[:10, :10], (300, 300), interpolation=cv2.INTER_LINEAR)
    box = Box(100, 90, 180, 190)
    packed, real = pack(picture, box)
    margin = (PACKED_SIZE - CROP_SIZE) // 2
    middle = packed[margin:-margin, margin:-margin].astype(int)
    assert np.abs(middle - crop_face(picture, box)).mean() < 6
    assert real == (0, 0, PACKED_SIZE, PACKED_SIZE)


def test_what_the_picture_did_not_have_is_known():
    _, real = pack(np.zeros((100, 100, 3), np.uint8), Box(0, 0, 100, 100))
    margin = (PACKED_SIZE - CROP_SIZE) // 2
    assert real == pytest.approx((margin, margin, PACKED_SIZE - margin, PACKED_SIZE - margin), abs=1)


def test_augmented_crops_are_inputs_and_differ():
    faces = make_faces([(30, 31)], [1])
    rng = np.random.default_rng(1)
    crops = [augment(faces.crops[0], faces.real[0], rng) for _ in range(40)]
    assert {crop.shape for crop in crops} == {(CROP_SIZE, CROP_SIZE, 3)}
    assert {crop.dtype for crop in crops} == {np.dtype(np.uint8)}
    assert len({crop.tobytes() for crop in crops}) == 40


def test_faces_are_joined_and_taken_by_row():
    both = concatenate([make_faces([(1, 2)], [1]), make_faces([(3, 4), (5, 6)], [0, 1])])
    assert both.take(np.array([2, 0])).age[:, 0].tolist() == [5, 1]


def test_missing_data_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match="re-crop"):
        load(tmp_path)
    with pytest.raises(UsageError, match="no picture"):
        decode(b"no picture")
