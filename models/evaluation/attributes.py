"""What an attribute model predicts for labelled faces."""

from __future__ import annotations

import numpy as np

from headcount.models.attributes import BATCH_SIZE, AttributeModel, Outputs
from headcount.models.datasets.crops import Faces


def has_labels(faces: Faces) -> bool:
    """Whether any face has an age, a gender or a mood."""
    return bool(faces.aged.any() or np.isfinite(faces.female).any() or faces.votes.any())


def predict(model: AttributeModel, crops: np.ndarray) -> Outputs:
    """The model's outputs for crops uint8 [n, model.side, model.side, 3], in batches as in a run."""
    parts = [model.describe(crops[i : i + BATCH_SIZE]) for i in range(0, len(crops), BATCH_SIZE)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
