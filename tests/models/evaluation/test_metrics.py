import numpy as np
import pytest

from headcount.models.attributes import Calibration
from headcount.models.evaluation.metrics import calibration_error, evaluate, markdown
from headcount.schemas.labels import AGES, MOODS
from tests.models.faces import make_faces

HAPPY, UNCLEAR, CONTEMPT = [0, 9, 0, 0, 1, 0, 0, 0], [3, 3, 0, 4, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 10]


def certain(years):
    return np.eye(AGES, dtype=np.float32)[np.array(years)]


def outputs(years, p_female, moods):
    p_mood = np.eye(len(MOODS), dtype=np.float32)[[MOODS.index(mood) for mood in moods]]
    return {"age": certain(years), "gender": np.array(p_female, np.float32), "mood": p_mood}


def test_figures_of_four_faces_by_hand():
    faces = make_faces(
        [(30, 31), (1, 2), (20, 30), (0, 0)], [1, 0, 1, np.nan], [HAPPY, UNCLEAR, CONTEMPT, HAPPY]
    )
    metrics = evaluate(
        outputs([34, 1, 25, 50], [0.9, 0.8, 0.4, 0.5], ["happy", "sad", "sad", "sad"]), faces, Calibration()
    )
    assert metrics["faces"] == 4
    assert metrics["age.mae"] == 2
    assert metrics["age.bias"] == 2
    assert metrics["age.within_5"] == 1
    assert metrics["age_group.exact"] == 1
    assert metrics["age_bin.accuracy"] == 1
    assert metrics["gender.accuracy"] == pytest.approx(1 / 3)
    assert metrics["gender.accuracy_16"] == 0.5
    assert metrics["gender.auc"] == 0.5
    assert metrics["mood.accuracy"] == 0.5
    assert metrics["by_band"]["0-2"]["gender.accuracy"] == 0
    assert metrics["by_band"]["30-39"]["age.mae"] == 4
    assert metrics["by_gender"]["female"]["faces"] == 2


def test_a_neighbouring_group_is_within_one():
    metrics = evaluate(outputs([24], [0.9], ["sad"]), make_faces([(26, 27)], [1]), Calibration())
    assert (metrics["age_group.exact"], metrics["age_group.within_one"]) == (0, 1)


def test_by_group_is_by_the_sources_word():
    faces = make_faces([(30, 31)] * 3, [1, 1, 0], group=["a", "b", ""])
    by_group = evaluate(outputs([30] * 3, [0.9] * 3, ["sad"] * 3), faces, Calibration())["by_group"]
    assert {name: row["faces"] for name, row in by_group.items()} == {"a": 1, "b": 1}


def test_shuffled_labels_are_no_better_than_chance():
    rng = np.random.default_rng(1)
    female = rng.integers(0, 2, 4000)
    faces = make_faces([(30, 31)] * 4000, rng.permutation(female))
    metrics = evaluate({"gender": np.where(female, 0.9, 0.1).astype(np.float32)}, faces, Calibration())
    assert metrics["gender.accuracy"] == pytest.approx(0.5, abs=0.04)
    assert metrics["gender.auc"] == pytest.approx(0.5, abs=0.04)


def test_answered_leaves_out_what_is_not_told():
    faces = make_faces([(30, 31)] * 4, [1, 1, 0, 0], [HAPPY] * 4)
    strict = Calibration(gender=0.7, mood=1.1)
    metrics = evaluate(outputs([30] * 4, [0.9, 0.8, 0.1, 0.6], ["happy"] * 4), faces, strict)
    assert metrics["gender.accuracy"] == 0.75
    answered = metrics["answered"]
    assert (answered["gender.accuracy"], answered["gender.share"]) == (1, 0.75)
    assert answered["mood.share"] == 0
    assert "mood.accuracy" not in answered
    assert answered["by_band"]["30-39"]["gender.share"] == 0.75


def test_the_gap_is_between_the_best_and_the_worst_group():
    faces = make_faces([(30, 31)] * 3, [1, 1, 0], group=["a", "b", "b"])
    gaps = evaluate(outputs([40, 31, 31], [0.9, 0.2, 0.2], ["sad"] * 3), faces, Calibration())["gaps"]
    assert gaps["age.mae"] == {"best": "b", "worst": "a", "gap": 9}
    assert gaps["gender.accuracy"] == {"best": "a", "worst": "b", "gap": 0.5}


def test_mood_mistakes_are_counted_by_true_and_told_mood():
    metrics = evaluate(
        outputs([1, 1], [0.5, 0.5], ["sad", "happy"]),
        make_faces([(0, 0)] * 2, [1, 1], [HAPPY] * 2),
        Calibration(),
    )
    assert metrics["mood.confusion"]["happy"] == {mood: int(mood in ("sad", "happy")) for mood in MOODS}


def test_confidence_that_is_as_often_right_has_no_calibration_error():
    right = np.array([True] * 8 + [False] * 2)
    assert calibration_error(np.full(10, 0.8), right) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.95), right) == pytest.approx(0.15)


def test_ages_over_the_last_class_count_as_they_are():
    metrics = evaluate(outputs([100], [0.5], ["sad"]), make_faces([(110, 111)], [np.nan]), Calibration())
    assert metrics["age.mae"] == 10


def test_the_table_has_a_row_for_each_part():
    metrics = evaluate(
        outputs([30, 70], [0.9, 0.1], ["sad", "sad"]), make_faces([(30, 31), (71, 72)], [1, 0]), Calibration()
    )
    lines = markdown(metrics, "by_band").splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 30-39", "| 70+"]
    assert "age.mae" in lines[0]
