import numpy as np
import pytest

from headcount.models.intervals import AGE_BANDS, AgedFaces, age_interval, band_of, conformal_margins, holds
from headcount.schemas.labels import AGES


def certain(years):
    return np.eye(AGES, dtype=np.float32)[np.array(years)]


def test_an_interval_is_the_middle_of_the_distribution():
    (low,), (high,) = age_interval(np.full((1, AGES), 1 / AGES))
    assert (low, high) == pytest.approx((0.05 * AGES, 0.95 * AGES))
    (low,), (high,) = age_interval(certain([30]))
    assert 30 <= low < high <= 31


def test_an_interval_holds_the_expected_age():
    p_age = np.zeros((1, AGES))
    p_age[0, [1, 100]] = 0.96, 0.04
    (low,), (high,) = age_interval(p_age)
    assert low <= 4 < 5 <= high
    assert low == pytest.approx(1, abs=0.1)


def test_margins_reach_over_the_ages_of_their_band_and_over_the_expected_year():
    margins = [0.0] * len(AGE_BANDS)
    margins[band_of(np.array([30]))[0]] = 4.0
    low, high = age_interval(certain([30, 45, 42]), margins)
    assert (low[0], high[0]) == pytest.approx((30, 35), abs=0.1)
    assert (low[1], high[1]) == pytest.approx((45, 46), abs=0.1)
    assert (low[2], high[2]) == pytest.approx((38, 43), abs=0.1)
    low, high = age_interval(certain([1, 70]), [-9.0] * len(AGE_BANDS))
    assert (low.tolist(), high.tolist()) == ([1, 70], [2, 71])
    low, _ = age_interval(certain([1]), [9.0] * len(AGE_BANDS))
    assert low == 0


def test_conformal_margins_hold_nine_in_ten_of_every_band():
    rng = np.random.default_rng(1)

    def seen(true, spread):
        # The old are taken for younger, as networks do.
        wrong = rng.normal(0, spread, len(true)) - np.where(true > 70, 10, 0)
        estimated = np.clip(np.round(true + wrong), 0, 100).astype(int)
        return AgedFaces(certain(estimated), true, np.ones(len(true)))

    learned, held_out, others = (
        np.repeat([5, 35, 80], n) + rng.integers(-3, 4, 3 * n) for n in (1000, 20, 1000)
    )
    # What was learned from is seen better.
    margins = conformal_margins(seen(held_out, 5), seen(learned, 4))
    held = holds(*age_interval(seen(others, 5).p_age, margins), others)
    for band in np.unique(band_of(others)):
        # Whole years: the share jumps.
        assert 0.87 < held[band_of(others) == band].mean() < 0.97


def test_a_band_with_few_faces_has_the_margin_of_all():
    faces = AgedFaces(certain([35] * 100 + [5]), np.array([45] * 100 + [5]), np.ones(101))
    margins = conformal_margins(faces, faces)
    assert (
        margins[band_of(np.array([5]))[0]]
        == margins[band_of(np.array([35]))[0]]
        == pytest.approx(9.05, abs=0.1)
    )


def test_a_small_source_counts_as_much_as_its_weight():
    years, thirties = np.array([36] * 190 + [39] * 10), 4

    def margin(weights):
        return conformal_margins(*[AgedFaces(certain([35] * 200), years, weights)] * 2)[thirties]

    assert margin(np.ones(200)) == pytest.approx(0.05, abs=0.02)
    assert margin(np.where(years == 39, 19.0, 1.0)) == pytest.approx(3.05, abs=0.02)
