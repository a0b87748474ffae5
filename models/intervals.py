"""The interval that an age distribution gives."""

from __future__ import annotations

from typing import Final

import numpy as np

COVERAGE: Final = 0.9
"""Share of the distribution, and of true ages, inside the interval."""


def age_interval(p_age: np.ndarray, coverage: float = COVERAGE) -> tuple[np.ndarray, np.ndarray]:
    """Ends, in years, of the middle `coverage` of each distribution; `p_age` is [n, ages] and rows sum to 1.

    The class of a completed year k is spread evenly over k to k + 1.
    """
    below = np.concatenate([np.zeros((len(p_age), 1)), np.cumsum(p_age, axis=1)], axis=1)
    below /= below[:, -1:]
    years = np.arange(below.shape[1])
    tail = (1 - coverage) / 2
    ends = np.array([np.interp((tail, 1 - tail), row, years) for row in below]).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]
