"""Network, training and export; they need TensorFlow, which takes seconds to import."""

import json
import math

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from models import network  # noqa: E402
from models.attributes import Calibration, load_attribute_model, load_calibration, model_hash  # noqa: E402
from models.augment import centre  # noqa: E402
from models.evaluate import predict  # noqa: E402
from models.export import (  # noqa: E402
    TOLERANCE,
    TOLERANCE_INT8,
    Temperatures,
    age_margins,
    calibrate,
    export,
)
from models.intervals import AGE_BANDS  # noqa: E402
from models.train import Batches, TrainOptions, targets, train, validate  # noqa: E402
from schemas.errors import UsageError  # noqa: E402
from schemas.labels import AGES, MOODS  # noqa: E402
from tests.models.faces import make_faces  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

FACES = make_faces(
    [(30, 31), (20, 30), (0, 0), (5, 6)] * 8,
    [1, 0, np.nan, 0] * 8,
    [[0, 9, 0, 0, 1, 0, 0, 0], [0] * 8, [9, 0, 0, 0, 0, 0, 0, 0], [0] * 8] * 8,
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return network.build()


def test_the_age_loss_is_the_likelihood_of_the_bin():
    logits = np.zeros((3, AGES), np.float32)
    loss = np.asarray(network.age_loss(np.array([[20.0, 30.0], [0.0, 0.0], [50.0, 51.0]]), logits))
    assert loss == pytest.approx([math.log(AGES / 10), 0, math.log(AGES)], rel=1e-5)


def test_rows_without_a_label_cost_nothing():
    female, logits = np.array([[-1], [1]], np.float32), np.array([[3], [0]], np.float32)
    assert np.asarray(network.gender_loss(female, logits)) == pytest.approx([0, math.log(2)])
    shares = np.zeros((2, len(MOODS)), np.float32)
    shares[1, 0] = 1
    moods = np.asarray(network.mood_loss(shares, np.zeros((2, len(MOODS)), np.float32)))
    assert moods == pytest.approx([0, math.log(len(MOODS))])


def test_batches_mix_sources_by_their_share_and_repeat_with_the_seed(tmp_path):
    options = TrainOptions(tmp_path, tmp_path, tmp_path, batch=4, shares={"made": 0.5})
    first, again = Batches(FACES, options), Batches(FACES, options)
    assert len(first) == 4
    assert (first[0][0] == again[0][0]).all()
    before = first.order.copy()
    first.draw(1)
    assert (first.order != before).any()


def test_targets_mark_what_is_missing():
    marked = targets(FACES)
    assert marked["gender"][:4, 0].tolist() == [1, 0, -1, 0]
    assert marked["mood"][1].sum() == 0


def test_validation_gives_a_score(model):
    fair = make_faces([(20, 30)] * 4, [1, 0, 1, 0], source="fairface")
    utk = make_faces([(30, 31)] * 4, [1, 0, 1, 0], [[0, 9, 0, 0, 1, 0, 0, 0]] * 4, source="utkface")
    from models.dataset import concatenate

    figures = validate(model, concatenate([fair, utk]))
    assert 0 <= figures["gender_fairface"] <= 1
    assert figures["score"] > 0


def test_what_ships_gives_the_probabilities_of_the_network(model, tmp_path):
    temperatures = Temperatures(age=2.0, gender=0.5, mood=1.5)
    export(model, tmp_path, temperatures, Calibration(gender=0.7), {"trained_on": ["made"]})
    crops = centre(FACES.crops)
    half, tflite, saved = (
        predict(load_attribute_model(str(tmp_path / name)), crops)
        for name in ("attributes_float16.tflite", "attributes.tflite", "saved_model")
    )
    for name in saved:
        assert np.abs(half[name] - saved[name]).max() < TOLERANCE
        assert np.abs(tflite[name] - saved[name]).mean() < TOLERANCE_INT8
    from models.train import predict as logits_of

    logits = logits_of(model, FACES)
    assert saved["gender"] == pytest.approx(1 / (1 + np.exp(-logits["gender"][:, 0] / 0.5)), abs=1e-4)
    assert load_calibration(str(tmp_path / "attributes.tflite")) == Calibration(gender=0.7)
    about = json.loads((tmp_path / "attributes.json").read_text())
    assert about["sha256"] == model_hash(str(tmp_path / "attributes.tflite"))
    assert (tmp_path / "attributes.tflite").stat().st_size > 0.9 * model.count_params()
    assert (tmp_path / "attributes_float16.tflite").stat().st_size > 2 * 0.9 * model.count_params()


def test_temperatures_come_from_the_grid(model):
    found = calibrate(model, FACES)
    assert all(0.5 <= value <= 2.5 for value in (found.age, found.gender, found.mood))
    assert len(age_margins(model, FACES, found.age)) == len(AGE_BANDS)


def test_weights_that_are_not_there_are_one_line(tmp_path):
    with pytest.raises(UsageError, match="no weights at"):
        train(TrainOptions(tmp_path, tmp_path, tmp_path, start_from=tmp_path / "none.keras"), lambda: None)
