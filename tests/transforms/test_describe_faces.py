import numpy as np
import pytest

from headcount.models.attributes import DEFAULT_MODEL, Calibration
from headcount.schemas.faces import Face
from headcount.schemas.failures import Failure
from headcount.schemas.labels import AGES, ATTRIBUTES, MOODS
from headcount.transforms.describe_faces import FaceModelHandler
from headcount.transforms.photo.describe import DescribeSettings, describe
from headcount.transforms.photo.reader import FaceCrop

FACE = Face(
    face_id="id-0",
    photo_id="id",
    uri="/a.jpg",
    left=0,
    top=0,
    right=9,
    bottom=9,
    score=1,
    sharpness=50,
    brightness=99,
)


def outputs(age=30, p_female=0.9, mood="happy"):
    p_age = np.zeros(AGES, np.float32)
    p_age[age - 1 : age + 2] = 0.25, 0.5, 0.25
    p_mood = np.full(len(MOODS), 0.05, np.float32)
    p_mood[MOODS.index(mood)] = 0.7
    return {"age": p_age, "gender": np.float32(p_female), "mood": p_mood}


def test_a_face_gets_its_labels_and_probabilities():
    face = describe(FACE, outputs(), Calibration(), ATTRIBUTES)
    assert face.age == pytest.approx(30)
    assert face.age_group == "adult"
    assert 29 <= face.age_low < face.age < face.age_high <= 32
    assert (face.gender, face.mood) == ("female", "happy")
    assert face.p_female == pytest.approx(0.9)
    assert face.p_happy == pytest.approx(0.7)
    assert face.p_age.dtype == np.float32
    assert face.face_id == FACE.face_id


def test_only_the_wanted_attributes_are_filled():
    face = describe(FACE, outputs(), Calibration(), ("age", "gender"))
    assert face.mood is face.p_happy is None
    assert face.age is not None


def test_what_the_model_does_not_give_stays_null():
    face = describe(FACE, {"gender": np.float32(0.2)}, Calibration(), ATTRIBUTES)
    assert (face.gender, face.age, face.mood) == ("male", None, None)


@pytest.mark.parametrize(
    ("calibration", "gender", "mood"),
    [
        (Calibration(gender=0.95), None, "happy"),
        (Calibration(gender_from_age=31), None, "happy"),
        (Calibration(mood=0.8), "female", None),
        (Calibration(mood_sharpness=51), "female", None),
    ],
)
def test_what_cannot_be_told_is_null_and_its_probability_stays(calibration, gender, mood):
    face = describe(FACE, outputs(), calibration, ATTRIBUTES)
    assert (face.gender, face.mood) == (gender, mood)
    assert face.p_female == pytest.approx(0.9)
    assert face.p_happy == pytest.approx(0.7)


class PickyModel:
    side = 64

    def describe(self, crops):
        if (crops == 255).all(axis=(1, 2, 3)).any():
            raise RuntimeError("a white crop")
        return {name: np.stack([values] * len(crops)) for name, values in outputs().items()}


def test_a_bad_face_of_a_batch_is_lost_alone():
    handler = FaceModelHandler(DescribeSettings(DEFAULT_MODEL, Calibration(), ATTRIBUTES, 1))
    crops = [FaceCrop(FACE, np.full((64, 64, 3), value, np.uint8)) for value in (0, 255, 7)]
    rows = list(handler.run_inference(crops, PickyModel()))
    assert [type(row) for row in rows] == [Face, Failure, Face]
    assert rows[1].code == "bad_face"
    assert "a white crop" in rows[1].detail


def test_an_output_that_is_not_a_number_is_a_bad_face():
    with pytest.raises(ValueError, match="gender is not finite"):
        describe(FACE, {"gender": np.float32("nan")}, Calibration(), ATTRIBUTES)


def test_an_output_that_is_no_probability_is_a_bad_face():
    with pytest.raises(ValueError, match=r"probabilities of age sum to 2 and not to 1"):
        describe(FACE, {"age": 2 * outputs()["age"]}, Calibration(), ATTRIBUTES)
    with pytest.raises(ValueError, match=r"gender is no probability"):
        describe(FACE, {"gender": np.float32(1.2)}, Calibration(), ATTRIBUTES)


@pytest.mark.parametrize("attributes", [("gender",), ("age", "gender"), ("gender", "mood"), ATTRIBUTES])
def test_an_infants_gender_is_null_whatever_is_asked_for(attributes):
    face = describe(FACE, outputs(age=1), Calibration(gender_from_age=3), attributes)
    assert face.gender is None
    assert face.p_female == pytest.approx(0.9)
    assert (face.age is not None) == ("age" in attributes)
