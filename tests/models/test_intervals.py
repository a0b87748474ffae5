import numpy as np
import pytest

from models.intervals import AGE_BANDS, age_interval, band_of, conformal_margins, holds
from schemas.labels import AGES


def certain(years):
    return np.eye(AGES, dtype=np.float32)[np.array(years)]


def test_an_interval_is_the_middle_of_the_distribution():
    (low,), (high,) = age_interval(np.full((1, AGES), 1 / AGES))
    assert (low, high) == pytest.approx((0.05 * AGES, 0.95 * AGES))
    (low,), (high,) = age_interval(certain([30]))
    assert 30 <= low < high <= 31


def test_margins_move_both_ends_by_band_and_never_past_the_age():
    margins = [0.0] * len(AGE_BANDS)
    margins[band_of(np.array([30]))[0]] = 4.0
    low, high = age_interval(certain([30, 45]), margins)
    assert high[0] - low[0] == pytest.approx(8.9, abs=0.1)
    assert high[1] - low[1] == pytest.approx(0.9, abs=0.1)
    low, high = age_interval(certain([1, 70]), [-9.0] * len(AGE_BANDS))
    assert low.tolist() == high.tolist() == [1, 70]
    low, _ = age_interval(certain([1]), [9.0] * len(AGE_BANDS))
    assert low == 0


def test_conformal_margins_hold_nine_in_ten_in_every_band():
    rng = np.random.default_rng(1)
    told = np.repeat([5, 35, 80], 2000)
    spread = np.repeat([1.0, 5.0, 9.0], 2000)
    true = np.clip(np.round(told + rng.normal(0, spread)), 0, 100).astype(int)
    margins = conformal_margins(certain(told[::2]), true[::2])
    held = holds(*age_interval(certain(told[1::2]), margins), true[1::2])
    for years in (5, 35, 80):
        # Whole years: the share jumps, by much where ages hardly vary.
        assert 0.88 < held[told[1::2] == years].mean() < 0.995


def test_a_band_with_few_faces_has_the_margin_of_all():
    margins = conformal_margins(certain([35] * 100 + [5]), np.array([45] * 100 + [5]))
    assert (
        margins[band_of(np.array([5]))[0]]
        == margins[band_of(np.array([35]))[0]]
        == pytest.approx(9.05, abs=0.1)
    )
