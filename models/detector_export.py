"""The trained detector as an ONNX file that `cv2.FaceDetectorYN` runs as it runs YuNet's.

Inputs, outputs and operators are YuNet's. Batch normalisation is folded into the convolutions before it, and
the first convolution takes BGR, as OpenCV gives it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import onnx
from keras import layers
from onnx import helper, numpy_helper

from models.detector_teacher import PARTS, STRIDES

OPSET: Final = 11
IR_VERSION: Final = 6
"""Those of YuNet's file."""

_NAMES: Final = {"score": ("cls", "obj"), "bbox": ("bbox",), "kps": ("kps",)}
"""YuNet's score is the geometric mean of two probabilities; here both are the one score."""


def export_onnx(model: keras.Model, file: Path) -> None:
    """Writes the network of `models.detector_network.build` to `file`.

    The file's input is `input`, float [1, 3, height, width] BGR in 0..255; its outputs are `cls_8`, `obj_8`,
    `bbox_8`, `kps_8`, `cls_16` ..., each [1, cells, numbers], cells row by row.
    """
    graph = _Graph()
    graph.add_layers(model)
    outputs = [
        graph.add_output(f"{name}_{stride}", graph.names[id(model.output[f"{part}_{stride}"])], part)
        for part, names in _NAMES.items()
        for name in names
        for stride in STRIDES
    ]
    picture = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, "height", "width"])
    content = helper.make_graph(graph.nodes, "detector", [picture], outputs, graph.tensors())
    file_content = helper.make_model(content, opset_imports=[helper.make_opsetid("", OPSET)])
    file_content.ir_version = IR_VERSION
    onnx.checker.check_model(file_content)
    onnx.save(file_content, file)


class _Graph:
    """Nodes and weights so far; `names` has the ONNX name of each Keras tensor by its id, `padding`
    what the convolution that takes it pads."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}
        self.names: dict[int, str] = {}
        self.padding: dict[int, int] = {}

    def add_layers(self, model: keras.Model) -> None:
        """All layers of `model`, each of which is used once."""
        for layer in model.layers:
            if isinstance(layer, layers.InputLayer):
                self.names[id(layer.output)] = "input"
                continue
            tensors = layer.input if isinstance(layer.input, list) else [layer.input]
            self.names[id(layer.output)] = self._add(layer, [self.names[id(one)] for one in tensors])

    def _add(self, layer: keras.Layer, inputs: list[str]) -> str:
        if isinstance(layer, layers.BatchNormalization):
            return self._fold(layer, inputs[0])
        if isinstance(layer, layers.ZeroPadding2D):
            self.padding[id(layer.output)] = layer.padding[0][0]
            return inputs[0]
        if isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D):
            return self._convolve(layer, inputs[0])
        if isinstance(layer, layers.UpSampling2D):
            self.weights |= {
                "region": np.array([], np.float32),
                "scales": np.array([1, 1, *layer.size], float),
            }
            return self.node("Resize", [inputs[0], "region", "scales"], layer.name, **_NEAREST)
        if isinstance(layer, layers.MaxPooling2D):
            sizes = {"kernel_shape": layer.pool_size, "strides": layer.strides}
            return self.node("MaxPool", inputs, layer.name, **sizes)
        return self.node({layers.ReLU: "Relu", layers.Add: "Add"}[type(layer)], inputs, layer.name)

    def _convolve(self, layer: Any, source: str) -> str:
        kernel = np.asarray(layer.kernel)
        if depthwise := isinstance(layer, layers.DepthwiseConv2D):
            kernel = kernel.transpose(0, 1, 3, 2)
        weights = kernel.transpose(3, 2, 0, 1)
        if source == "input":
            weights = weights[:, ::-1]
        side = kernel.shape[0]
        pad = side // 2 if layer.padding == "same" else self.padding.get(id(layer.input), 0)
        name = layer.name
        self.weights[f"{name}.weight"] = weights
        self.weights[f"{name}.bias"] = np.asarray(layer.bias) if layer.use_bias else np.zeros(len(weights))
        return self.node(
            "Conv",
            [source, f"{name}.weight", f"{name}.bias"],
            name,
            kernel_shape=[side, side],
            strides=list(layer.strides),
            pads=[pad] * 4,
            group=len(weights) if depthwise else 1,
        )

    def _fold(self, layer: Any, convolution: str) -> str:
        scale = np.asarray(layer.gamma) / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
        self.weights[f"{convolution}.weight"] = (
            self.weights[f"{convolution}.weight"] * scale[:, None, None, None]
        )
        shift = self.weights[f"{convolution}.bias"] - np.asarray(layer.moving_mean)
        self.weights[f"{convolution}.bias"] = shift * scale + np.asarray(layer.beta)
        return convolution

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Adds a node; gives the name of its output, which is its own."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def add_output(self, name: str, source: str, part: str) -> onnx.ValueInfoProto:
        """The cells of `source` row by row as the output `name`, scores as probabilities."""
        rows = self.node("Transpose", [source], f"{name}.rows", perm=[0, 2, 3, 1])
        shape = f"{part}.shape"
        self.weights[shape] = np.array([1, -1, PARTS[part]], np.int64)
        if part == "score":
            flat = self.node("Reshape", [rows, shape], f"{name}.flat")
            self.node("Sigmoid", [flat], name)
        else:
            self.node("Reshape", [rows, shape], name)
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, None, PARTS[part]])

    def tensors(self) -> list[onnx.TensorProto]:
        """The weights, float32 where they are not whole numbers."""
        return [
            numpy_helper.from_array(
                np.ascontiguousarray(value if value.dtype == np.int64 else value.astype(np.float32)), name
            )
            for name, value in self.weights.items()
        ]


_NEAREST: Final = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}
