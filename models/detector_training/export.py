"""The trained detector as the `.tflite` file that `models.detectors` runs, for pictures of any size."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras


def export_detector(model: keras.Model, file: Path) -> None:
    """Writes the network of `models.detector_training.network.build` to `file`.

    Its signature takes `pixels`, uint8 [1, height, width, 3] RGB, sides multiples of 32, and gives what
    `models.detectors.cells.faces_in` takes. Needs the TensorFlow backend of Keras.
    """
    import tensorflow as tf

    def serve(pixels: Any) -> dict[str, Any]:
        outputs = model(tf.cast(pixels, tf.float32), training=False)
        scores = {name: tf.sigmoid(logits) for name, logits in outputs.items() if name.startswith("score")}
        return {**outputs, **scores}

    archive = keras.export.ExportArchive()
    archive.track(model)
    pixels = tf.TensorSpec((1, None, None, 3), tf.uint8, name="pixels")
    archive.add_endpoint("serving_default", serve, input_signature=[pixels])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        file.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
