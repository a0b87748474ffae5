"""Network, export and training data of the detector; they need TensorFlow, which takes seconds to import."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from headcount.models.detector_training.data import SIDE, Batches, degrade, make_round  # noqa: E402
from headcount.models.detector_training.export import export_detector  # noqa: E402
from headcount.models.detector_training.network import build, dense, detector_loss, distance_iou  # noqa: E402
from headcount.models.detector_training.scenes import Face, Sources  # noqa: E402
from headcount.models.detector_training.train import DetectorOptions, _epochs_done, compile_model, score  # noqa: E402
from headcount.models.detector_training.validate import Answered, validate  # noqa: E402
from headcount.models.detectors.cells import STRIDES  # noqa: E402
from headcount.models.detectors.headcount import litert_search  # noqa: E402
from headcount.models.detectors.search import Detection  # noqa: E402
from headcount.models.framing import Box  # noqa: E402
from headcount.models.litert import load_runner  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

CELLS = sum((SIDE // stride) ** 2 for stride in STRIDES)
HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="module")
def model():
    """A network whose normalisations are as far from the identity as trained ones."""
    keras.utils.set_random_seed(1)
    model = build()
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, values.shape) for values in layer.get_weights()])
        if layer.name.startswith("score"):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel / 50, bias * 0])
        if layer.name.startswith(("bbox", "kps")):
            layer.set_weights([values / 50 for values in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    file = tmp_path_factory.mktemp("detector") / "detector.tflite"
    export_detector(model, file)
    return str(file)


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def test_the_exported_file_answers_as_the_network(model, exported, picture):
    expected = model(picture[None].astype(np.float32), training=False)
    outputs = load_runner(exported)(pixels=picture[None])
    for stride in STRIDES:
        logits = np.asarray(expected[f"score_{stride}"])
        assert outputs[f"score_{stride}"] == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-4)
        for name in ("bbox", "kps"):
            values = np.asarray(expected[f"{name}_{stride}"])
            assert outputs[f"{name}_{stride}"] == pytest.approx(values, abs=1e-3)


def test_a_picture_of_any_size_is_searched_as_if_black_beyond_its_edges(exported, picture):
    padded = picture.copy()
    padded[60:], padded[:, 90:] = 0, 0
    search = litert_search(exported)
    found = list(search(np.ascontiguousarray(picture[:60, :90])))
    assert found
    assert found == list(search(padded))
    assert found != list(search(picture))


def test_the_dense_network_has_the_levels_in_the_teachers_order(model):
    pictures = np.zeros((1, 64, 64, 3), np.float32)
    flat, levels = np.asarray(dense(model)(pictures)), model(pictures)
    assert flat.shape == (1, 84, 15)
    assert flat[0, 64 + 16 + 1, 1:5] == pytest.approx(np.asarray(levels["bbox_32"])[0, 0, 1], abs=1e-5)
    assert flat[0, 64 + 5, 0] == pytest.approx(np.asarray(levels["score_16"])[0, 1, 1, 0], abs=1e-5)


def test_the_loss_of_equal_boxes_is_nothing_and_grows_with_the_distance():
    box = np.array([0.3, 0.2, 1.0, 1.5], np.float32)
    same, near, far = (
        float(distance_iou(box, box + np.array([shift, 0, 0, 0], np.float32))) for shift in (0, 1, 9)
    )
    assert same == pytest.approx(0, abs=1e-5)
    assert 0 < near < 1 < far


def test_overlap_of_half_a_box():
    one, other = np.zeros(4, np.float32), np.array([0.5, 0, 0, 0], np.float32)
    assert float(distance_iou(one, other)) == pytest.approx(1 - 1 / 3 + 0.25 / (1.5**2 + 1), abs=1e-5)


def test_unknown_scores_and_boxes_of_no_face_cost_nothing():
    answers, outputs = np.zeros((1, 4, 15), np.float32), np.zeros((1, 4, 15), np.float32)
    answers[..., 0] = -1
    outputs[..., 0] = 5
    outputs[..., 1:] = 3
    assert float(detector_loss(answers, outputs)) == 0
    answers[0, 1, 0] = 0.9
    assert float(detector_loss(answers, outputs)) > 1


def test_a_network_learns_one_picture():
    keras.utils.set_random_seed(1)
    model = dense(build())
    compile_model(model, DetectorOptions("", "", epochs=1, steps=5, learning_rate=5e-3))
    model.run_eagerly = True
    picture = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3)).astype(np.float32)
    answers = np.zeros((2, 84, 15), np.float32)
    answers[:, 20] = [0.9, 0.2, 0.1, 0.8, 1.1, *[0.3] * 10]
    losses = [float(model.train_on_batch(picture, answers)) for _ in range(5)]
    assert losses[-1] < 0.9 * losses[0]


def test_batches_mirror_pictures_with_their_answers():
    class Rounds:
        seed = 1

        def window(self, last):
            pictures = np.zeros((4, SIDE, SIDE, 3), np.uint8)
            pictures[:, :, : SIDE // 2] = 255
            answers = np.zeros((4, CELLS, 15), np.float16)
            answers[:, 5, 0] = 1
            return pictures, answers

    batches = Batches(Rounds(), steps=5, batch=4, epoch=0)
    sides = set()
    for index in range(len(batches)):
        for picture, answer in zip(*batches[index], strict=True):
            left = picture[:, : SIDE // 2].mean() > picture[:, SIDE // 2 :].mean()
            assert answer[:, 0].argmax() == (5 if left else SIDE // 8 - 5)
            sides.add(left)
    assert sides == {True, False}


def test_degraded_pictures_stay_pictures():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (48, 48, 3)).astype(np.uint8)
    for _ in range(40):
        other = degrade(picture, rng)
        assert other.shape == picture.shape
        assert other.dtype == np.uint8


def test_figures_count_faces_by_band_and_false_detections():
    class Finds:
        def detect(self, pixels):
            return [
                Detection(Box(0, 0, 40, 40), 0.9),
                Detection(Box(200, 200, 230, 230), float(pixels[0, 0, 0])),
            ]

    faces = [
        Detection(Box(1, 0, 41, 40), 0.8),
        Detection(Box(100, 0, 120, 26), 0.7),
        Detection(Box(0, 90, 9, 99), 0.9),
    ]
    blank = np.zeros((300, 300, 3))
    pictures = [
        Answered("photos", blank, faces),
        Answered("crowds", blank, faces),
        Answered("photos", blank + 0.6, []),
    ]
    figures = validate(Finds(), pictures)
    assert figures["found"] == 0.5
    assert (figures["crowd_24"], figures["crowd_32"]) == (0, 1)
    assert figures["threshold"] == 0.9
    assert figures["empty"] == 1
    assert score(figures) == 1.0


def test_a_round_is_made_once_and_the_same_for_the_same_seed(tmp_path):
    class Sees:
        def answer(self, doubled):
            return np.full((CELLS, 15), 0.7, np.float32)

    plain = np.random.default_rng(1).integers(0, 40, (200, 240, 3)).astype(np.uint8)
    face = Face(np.full((112, 112, 3), 200, np.uint8), Box(30, 25, 80, 90))
    sources = Sources([plain], [plain], [face], [face])
    folders = [make_round(sources, Sees(), 3, (1, 2), tmp_path / name) for name in ("one", "other")]
    one, other = (np.load(folder / "pictures.npy") for folder in folders)
    assert one.shape == (3, SIDE, SIDE, 3)
    assert np.array_equal(one, other)
    assert np.load(folders[0] / "answers.npy").shape == (3, CELLS, 15)
    make_round(sources, Sees(), 1, (9, 9), folders[0])
    assert np.array_equal(np.load(folders[0] / "pictures.npy"), one)


def test_training_goes_on_after_the_last_checkpoint(tmp_path):
    assert _epochs_done(tmp_path) == 0
    (tmp_path / "training_metadata.json").write_text('{"epoch": 7, "batch": 0}')
    assert _epochs_done(tmp_path) == 7
