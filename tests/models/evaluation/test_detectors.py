from pathlib import Path

import numpy as np
import pytest

from headcount.models.datasets.boxes import BoxedPicture
from headcount.models.detectors import DEFAULT_DETECTOR, DETECTORS, load_detector
from headcount.models.detectors.search import Detector
from headcount.models.evaluation import detectors as evaluate_detectors
from headcount.models.evaluation.detectors import (
    Picture,
    average_precision,
    compare,
    curve,
    figures,
    load_detectors,
    match,
    table,
)
from headcount.models.framing import Box, Framing
from headcount.schemas.errors import PhotoError, UsageError

FACE, OTHER, CORNER = Box(10, 10, 30, 30), Box(60, 60, 80, 80), Box(0, 80, 10, 100)
SIDE = 100


def detector(*found, min_score=0.5):
    """One that finds the same in every picture: boxes with scores."""
    return Detector("made", min_score, Framing(), lambda pixels: [(box, score, None) for box, score in found])


def read(path):
    """A grey picture of 100x100 pixels, the half of a larger one where its name says so."""
    if path.name.startswith("bad"):
        raise PhotoError("not_an_image", "no picture")
    if path.name.startswith("gone"):
        raise FileNotFoundError(2, "No such file or directory")
    side = 200 if path.name.startswith("half") else 100
    return Picture(np.full((100, 100, 3), 127, np.uint8), side, side, 3.0)


def picture(name, *boxes):
    return BoxedPicture(name, Path(name), boxes)


def measured(found, *pictures, **options):
    comparison = compare(pictures, {"made": detector(*found)}, read, SIDE, **options)
    return figures(comparison), comparison.answers["made"]


def shifted(box, x):
    return Box(box.left + x, box.top, box.right + x, box.bottom)


def test_each_face_is_found_once_by_the_best_that_overlaps_it_enough():
    near, far = shifted(FACE, 2), shifted(FACE, 10)
    assert match([near, FACE, far, OTHER], [OTHER, FACE]) == [1, None, None, 0]


def test_a_detection_takes_the_face_that_it_overlaps_most():
    assert match([shifted(FACE, 4), shifted(FACE, 5)], [FACE, shifted(FACE, 6)]) == [1, 0]
    assert match([FACE], []) == [None]


def test_found_false_and_neither():
    twice, loose = shifted(FACE, 1), shifted(OTHER, 10)
    found = [(FACE, 0.9), (twice, 0.8), (loose, 0.8), (CORNER, 0.5), (CORNER, 0.3)]
    metrics, answers = measured(found, picture("a", FACE, OTHER))
    made = metrics["by_detector"]["made"]
    assert (made["recall"], made["precision"]) == (0.5, 0.75)
    assert made["f1"] == pytest.approx(0.6)
    assert (made["false_per_picture"], made["doubles_per_picture"]) == (1, 2)
    assert [one.box for one in answers.false()] == [CORNER]
    assert [one.box for one in answers.missed()] == [OTHER]


def test_the_threshold_is_the_detectors_own_or_the_callers():
    found = [(FACE, 0.9), (OTHER, 0.5), (CORNER, 0.4)]
    made = measured(found, picture("a", FACE, OTHER))[0]["by_detector"]["made"]
    assert (made["min_score"], made["recall"], made["precision"]) == (0.5, 1, 1)
    made = measured(found, picture("a", FACE, OTHER), min_score=0.6)[0]["by_detector"]["made"]
    assert (made["min_score"], made["recall"]) == (0.6, 0.5)
    made = measured(found, picture("a", FACE, OTHER), min_score=0.0)[0]["by_detector"]["made"]
    assert made["precision"] == pytest.approx(2 / 3)


def test_pictures_without_faces_count_for_false_detections_only():
    metrics, _ = measured([(FACE, 0.9)], picture("a", FACE), picture("b"), picture("c"), picture("d"))
    made = metrics["by_detector"]["made"]
    assert (metrics["pictures"], metrics["pictures_without_faces"], metrics["faces"]) == (4, 3, 1)
    assert (made["recall"], made["precision"]) == (1, 0.25)
    assert (made["false_per_picture"], made["false_per_empty_picture"]) == (0.75, 1)


def test_without_a_face_or_a_detection_a_share_is_none():
    metrics, _ = measured([], picture("a"))
    made = metrics["by_detector"]["made"]
    assert [made[key] for key in ("recall", "precision", "f1", "average_precision")] == [None] * 4
    assert "| made | 0.5 | - | - | - | - | 0.000 |" in table(metrics)
    made = measured([], picture("a", FACE))[0]["by_detector"]["made"]
    assert (made["recall"], made["precision"], made["f1"], made["average_precision"]) == (0, None, 0, 0)


def test_faces_are_banded_by_their_height_in_the_picture_and_as_searched():
    small, large = Box(0, 0, 8, 3), Box(100, 100, 140, 140)
    metrics, _ = measured([(Box(50, 50, 70, 70), 0.9)], picture("half", small, large))
    made = metrics["by_detector"]["made"]
    assert made["by_share"] == {
        "1.5-2.5 %": {"faces": 1, "found": 0, "recall": 0},
        "20-40 %": {"faces": 1, "found": 1, "recall": 1},
    }
    assert made["by_pixels"] == {
        "0-16": {"faces": 1, "found": 0, "recall": 0},
        "16-24": {"faces": 1, "found": 1, "recall": 1},
    }
    assert "| 1.5-2.5 % (1) | 20-40 % (1) |" in table(metrics)


def test_boxes_end_at_the_edges_of_the_picture_and_those_outside_are_left_out():
    over, outside, none = Box(90, 90, 140, 140), Box(110, 0, 120, 10), Box(5, 5, 5, 9)
    metrics, answers = measured([(over, 0.9)], picture("a", over, outside, none))
    assert (metrics["faces"], metrics["boxes_left_out"]) == (1, 2)
    assert (answers.faces[0].box, answers.faces[0].score) == (Box(90, 90, 100, 100), 0.9)


def test_pictures_that_cannot_be_read_are_left_out_and_told():
    pictures = [picture("bad", FACE), picture("a", FACE), picture("gone", FACE)]
    comparison = compare(pictures, {"made": detector((FACE, 0.9))}, read, SIDE)
    assert comparison.unreadable == [
        ("bad", "not_an_image: no picture"),
        ("gone", "No such file or directory"),
    ]
    assert figures(comparison)["unreadable"] == 2
    assert figures(comparison)["by_detector"]["made"]["recall"] == 1
    with pytest.raises(UsageError, match=r"none of the 1 pictures can be read \(gone: No such file"):
        compare(pictures[2:], {"made": detector()}, read, SIDE)


def test_the_curve_has_a_point_for_each_score():
    found = [(FACE, 0.9), (CORNER, 0.6), (OTHER, 0.6), (Box(40, 0, 50, 10), 0.2)]
    metrics, answers = measured(found, picture("a", FACE, OTHER))
    recall, precision = curve(answers)
    assert recall.tolist() == [0.5, 1, 1]
    assert precision == pytest.approx([1, 2 / 3, 0.5])
    at = {
        point["score"]: (point["recall"], point["precision"])
        for point in metrics["by_detector"]["made"]["curve"]
    }
    assert at[0.95] == (0, None)
    assert at[0.9] == (0.5, 1)
    assert at[0.05] == (1, 0.5)


def test_average_precision_is_the_area_under_the_best_precision_from_each_recall_on():
    recall, precision = np.array([0.25, 0.5, 0.5, 0.75]), np.array([1, 0.5, 0.4, 0.6])
    assert average_precision(recall, precision) == pytest.approx(0.25 * 1 + 0.5 * 0.6)
    assert average_precision(np.array([]), np.array([])) == 0


def test_the_face_in_a_portrait_is_found(portrait):
    pictures = [picture("portrait", Box(178, 63, 267, 174))]
    made = {name: load_detector(name) for name in (DEFAULT_DETECTOR, "haar")}
    metrics = figures(compare(pictures, made, lambda path: Picture(portrait, 512, 512, 1.0), 512))
    assert {name: row["recall"] for name, row in metrics["by_detector"].items()} == dict.fromkeys(made, 1)
    assert metrics["by_detector"]["haar"]["detect_ms"] > 0
    assert metrics["by_detector"]["haar"]["by_pixels"] == {"64-128": {"faces": 1, "found": 1, "recall": 1}}


@pytest.fixture
def loads(monkeypatch):
    """What is loaded, instead of loading it; `dlib-mmod` cannot be."""
    calls = {}

    def load(name, model):
        if name == "dlib-mmod" or (name == "yunet" and model is None):
            raise UsageError(f"{name} cannot")
        calls[name, model] = None
        return name

    monkeypatch.setattr(evaluate_detectors, "load_detector", load)
    return calls


def test_by_default_all_that_load_are_compared(loads):
    loaded, left_out = load_detectors((), None)
    assert left_out == {"yunet": "yunet cannot", "dlib-mmod": "dlib-mmod cannot"}
    assert tuple(loaded) == tuple(name for name in DETECTORS if name not in left_out)


def test_a_model_is_for_the_detector_that_needs_one_or_is_alone(loads):
    load_detectors((), "y")
    assert ("yunet", "y") in loads
    assert ("haar", None) in loads
    load_detectors(("haar",), "h")
    assert ("haar", "h") in loads
    with pytest.raises(UsageError, match="none of haar, dlib-hog needs h; say whose it is"):
        load_detectors(("haar", "dlib-hog"), "h")


def test_a_detector_may_be_named_with_its_model(loads):
    loaded, _ = load_detectors(("yunet=a", "yunet=b", "haar"), None)
    assert list(loads) == [("yunet", "a"), ("yunet", "b"), ("haar", None)]
    assert list(loaded) == ["yunet=a", "yunet=b", "haar"]


def test_what_was_asked_for_and_cannot_be_loaded_is_an_error():
    with pytest.raises(UsageError, match="yunet needs its model"):
        load_detectors(("haar", "yunet"), None)
    with pytest.raises(UsageError, match="no detector model at none"):
        load_detectors((), "none.onnx")
