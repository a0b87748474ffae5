import numpy as np
import pytest

from models.evaluate import evaluate, markdown, predict
from models.intervals import age_interval
from schemas.labels import AGES, MOODS
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
    metrics = evaluate(outputs([34, 1, 25, 50], [0.9, 0.8, 0.4, 0.5], ["happy", "sad", "sad", "sad"]), faces)
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
    metrics = evaluate(outputs([24], [0.9], ["sad"]), make_faces([(26, 27)], [1]))
    assert (metrics["age_group.exact"], metrics["age_group.within_one"]) == (0, 1)


def test_by_group_is_by_the_sources_word():
    faces = make_faces([(30, 31)] * 3, [1, 1, 0], group=["a", "b", ""])
    by_group = evaluate(outputs([30] * 3, [0.9] * 3, ["sad"] * 3), faces)["by_group"]
    assert {name: row["faces"] for name, row in by_group.items()} == {"a": 1, "b": 1}


def test_shuffled_labels_are_no_better_than_chance():
    rng = np.random.default_rng(1)
    female = rng.integers(0, 2, 4000)
    faces = make_faces([(30, 31)] * 4000, rng.permutation(female))
    metrics = evaluate({"gender": np.where(female, 0.9, 0.1).astype(np.float32)}, faces)
    assert metrics["gender.accuracy"] == pytest.approx(0.5, abs=0.04)
    assert metrics["gender.auc"] == pytest.approx(0.5, abs=0.04)


def test_an_interval_holds_its_share():
    even = np.full((1, AGES), 1 / AGES)
    (low,), (high,) = age_interval(even, 0.9)
    assert (low, high) == pytest.approx((0.05 * AGES, 0.95 * AGES))
    (low,), (high,) = age_interval(certain([30]))
    assert 30 <= low < high <= 31


def test_the_network_sees_the_middle_of_a_packed_crop():
    faces = make_faces([(30, 31)] * 3, [1] * 3)

    class Middle:
        side = 64

        def describe(self, crops):
            assert crops.shape[1:] == (64, 64, 3)
            return {"gender": crops[:, 0, 0, 0]}

    assert (predict(Middle(), faces)["gender"] == faces.crops[:, 8, 8, 0]).all()


def test_the_table_has_a_row_for_each_part():
    metrics = evaluate(
        outputs([30, 70], [0.9, 0.1], ["sad", "sad"]), make_faces([(30, 31), (71, 72)], [1, 0])
    )
    lines = markdown(metrics, "by_band").splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 30-39", "| 70+"]
    assert "age.mae" in lines[0]
