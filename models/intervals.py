"""The interval that an age distribution gives, and what makes it hold its share of true ages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

COVERAGE: Final = 0.9
"""Share of true ages inside the interval."""

AGE_BANDS: Final = (0, 3, 10, 20, 30, 40, 50, 60, 70)
"""First years of the bands that figures are reported by and intervals corrected in; FairFace's nine bins."""

FEWEST: Final = 50
"""Faces that a band needs for its own margin."""


def expected_age(p_age: np.ndarray) -> np.ndarray:
    """The mean in completed years of age distributions [n, ages]."""
    return p_age @ np.arange(p_age.shape[1])


def band_of(years: np.ndarray) -> np.ndarray:
    """Index into AGE_BANDS of the band that holds each age."""
    return np.searchsorted(AGE_BANDS, years, side="right") - 1


def age_interval(p_age: np.ndarray, margins: Sequence[float] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Ends, in years, of the middle `COVERAGE` of each distribution [n, ages], whose rows sum to 1, widened
    to hold the whole year of the expected age.

    The class of a completed year k is spread evenly over k to k + 1. With `margins` (see
    `conformal_margins`) the interval reaches over every age that is no further outside than the margin of
    the age's own band.
    """
    ends = _middle(p_age)
    # For each row [n, 1] and band [bands]: the ages of the band that are inside.
    years = p_age.shape[1]
    outwards = np.asarray(margins or [0.0] * len(AGE_BANDS))
    low = np.maximum(ends[:, :1] - outwards, AGE_BANDS)
    high = np.minimum(ends[:, 1:] + outwards, (*AGE_BANDS[1:], years))
    inside, year = low < high, np.floor(expected_age(p_age))
    return (
        np.minimum(np.where(inside, low, np.inf).min(1), year),
        np.maximum(np.where(inside, high, -np.inf).max(1), year + 1),
    )


def _middle(p_age: np.ndarray) -> np.ndarray:
    """Ends [n, 2] of the middle `COVERAGE` of distributions [n, ages]."""
    below = np.concatenate([np.zeros((len(p_age), 1)), np.cumsum(p_age, axis=1)], axis=1)
    below /= below[:, -1:]
    years = np.arange(below.shape[1])
    tail = (1 - COVERAGE) / 2
    return np.array([np.interp((tail, 1 - tail), row, years) for row in below]).reshape(-1, 2)


def holds(low: np.ndarray, high: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Whether each interval meets the year from `years` to `years` + 1, bool [n]."""
    return (years + 1 > low) & (years < high)


@dataclass(frozen=True)
class AgedFaces:
    """Age distributions [n, ages] of faces whose `years` [n] are known, and how much each face counts [n]."""

    p_age: np.ndarray
    years: np.ndarray
    weights: np.ndarray


def conformal_margins(unseen: AgedFaces, learned: AgedFaces) -> tuple[float, ...]:
    """For each of AGE_BANDS how many years outwards the interval's ends must move to hold COVERAGE of the
    ages of that band.

    Conformalized quantile regression (Romano et al. 2019, arXiv:1905.03222), by the band of the true age
    (label-conditional, Vovk 2012, arXiv:1209.2673), so that it holds for the old and the young too. The
    `unseen` faces of a band, which chose nothing else, are few: a hundred give its share of nine in ten to
    three points. So the bands differ as among the `learned`, thousands of faces of training, and one number
    moves them all until they hold on the `unseen`.
    """
    scores, bands = _outside(learned), band_of(learned.years)
    everywhere = _quantile(scores, learned.weights)
    margins = np.array(
        [
            _quantile(scores[of], learned.weights[of]) if of.sum() >= FEWEST else everywhere
            for of in (bands == band for band in range(len(AGE_BANDS)))
        ]
    )
    moved = _quantile(_outside(unseen) - margins[band_of(unseen.years)], unseen.weights)
    return tuple((margins + moved).round(2).tolist())


def _outside(faces: AgedFaces) -> np.ndarray:
    """Years by which each age is outside of its interval; negative inside."""
    low, high = _middle(faces.p_age).T
    return np.maximum(low - (faces.years + 1), faces.years - high)


def _quantile(scores: np.ndarray, weights: np.ndarray) -> float:
    """The score that COVERAGE of the weight, and as much as one more face might bring, is not over."""
    order = np.argsort(scores)
    shares = np.cumsum(weights[order]) / (weights.sum() + weights.mean())
    rank = min(int((shares < COVERAGE - 1e-9).sum()), len(scores) - 1)
    # A little more: an age at the very end of an interval is outside, and many scores are equal.
    return round(float(scores[order[rank]]) + 0.01, 2)
