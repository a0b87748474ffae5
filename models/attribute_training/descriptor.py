"""The weights of dlib's face descriptor, which training starts from.

The network (King 2017, "High Quality Face Recognition with Deep Metric Learning") was trained on three
million faces; its author gave it to the public domain (CC0), and the package `face-recognition-models`
carries it. What it knows about faces is worth far more than the labelled faces that there are.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import keras
import numpy as np

from headcount.schemas.errors import UsageError

_FILE: Final = "models/dlib_face_recognition_resnet_model_v1.dat"

_VECTOR: Final = re.compile(rb"\x01\x02(\x01[^\0]|\x02..|\x03...)(?:\x01\x01){3}", re.DOTALL)


def start_from_descriptor(model: keras.Model) -> None:
    """Puts the descriptor's convolutions into those of `network.trunk`, by their place.

    Raises UsageError without the package that carries them.
    """
    weights = convolutions(package_file(_FILE).read_bytes())
    for layer in model.layers:
        if place := re.fullmatch(r"conv(\d+)", layer.name):
            layer.set_weights(weights[int(place[1])])


def package_file(name: str) -> Path:
    """A file of `face-recognition-models`; raises UsageError without that package."""
    found = importlib.util.find_spec("face_recognition_models")
    if found is None or found.origin is None:
        raise UsageError("training starts from a face descriptor; install headcount[train]")
    return Path(found.origin).parent / name


def convolutions(data: bytes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel [height, width, in, out] and bias [out] of each convolution of a dlib residual network.

    Each layer is stored as two tensors: filters with biases, then the scales and offsets of the affine
    layer that follows, which are folded in here. The last layer, the descriptor's own, is left out.
    """
    tensors = list(_vectors(data))
    folded, channels = [], 3
    for layer, affine in zip(tensors[::2], tensors[1::2], strict=True):
        count = affine.size // 2
        scales, offsets = affine[:count], affine[count:]
        filters, biases = layer[:-count], layer[-count:]
        side = round((filters.size / count / channels) ** 0.5)
        kernel = filters.reshape(count, channels, side, side).transpose(2, 3, 1, 0)
        folded.append((np.ascontiguousarray(kernel * scales), biases * scales + offsets))
        channels = count
    return folded


def _vectors(data: bytes) -> Iterator[np.ndarray]:
    """The float tensors of sizes n, 1, 1, 1 in dlib's serialization, which all these layers have: the
    version 2, the sizes, then little-endian floats. A number is one byte that says how many bytes follow,
    then those, the lowest first.
    """
    at = 0
    while header := _VECTOR.search(data, at):
        count = int.from_bytes(header[1][1:], "little")
        yield np.frombuffer(data, "<f4", count, header.end())
        at = header.end() + 4 * count
