"""The maths of expectations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xinzhi.apps.monitor import rates


def test_tails_are_those_of_poisson_and_negative_binomial() -> None:
    assert rates.upper_tail(5, 1.5, 0.0) == pytest.approx(stats.poisson.sf(4, 1.5), rel=1e-4)
    assert rates.lower_tail(0, 7.0, 0.0) == pytest.approx(np.exp(-7), rel=1e-4)
    # variance = mean + mean² · dispersed
    size, p = 4.0, 4.0 / (4.0 + 2.0)
    assert stats.nbinom.var(size, p) == pytest.approx(2 + 4 * 0.25)
    assert rates.upper_tail(9, 2.0, 0.25) == pytest.approx(stats.nbinom.sf(8, size, p))
    assert rates.upper_tail(0, 2.0, 0.25) == 1.0


def test_a_season_is_found_and_has_a_mean_of_one() -> None:
    day = np.concatenate([np.zeros(8), np.full(16, 30.0)])
    week = np.concatenate([np.tile(day, 5), np.tile(day / 3, 2)])
    counts = np.tile(week, 6)
    found = rates.season(counts, np.ones(len(counts), dtype=bool), 0, None)
    assert found.mean() == pytest.approx(1.0)
    assert found.reshape(7, 24)[:, :8].max() < 0.1
    weekdays = found.reshape(7, 24).mean(1)
    assert weekdays[5] < 0.75 * weekdays[0]  # it leans on a flat week
    shifted = rates.season(np.roll(counts, 24), np.ones(len(counts), dtype=bool), 6, None)
    assert shifted == pytest.approx(found, rel=1e-6)


def test_a_small_series_leans_on_the_stream() -> None:
    base = np.tile(np.concatenate([np.zeros(12), np.full(12, 2.0)]), 7)
    counts = np.zeros((2, 28 * 24))
    counts[0, 5::24] = 1  # 28 posts at five o'clock
    found = rates.season(counts, np.ones(counts.shape[1], dtype=bool), 0, base)
    assert found[1] == pytest.approx(base)  # nothing is known of it
    assert 0.1 < found[0, 5] < 10
    assert found[0, 20] > 1.5


def test_rates_lean_on_their_sisters() -> None:
    counts = np.array([0.0, 50.0, 50.0, 400.0])
    groups = np.array([1, 1, 1, 0])
    rate, shape = rates.rates(counts, np.full(4, 500.0), groups)
    assert 0 < rate[0] < 0.02
    assert rate[1] == pytest.approx(0.1, rel=0.05)
    assert rate[3] == pytest.approx(0.8, rel=0.02)
    assert list(shape) == [1, 51, 51, 401]


def test_dispersion_is_found() -> None:
    rng = np.random.default_rng(0)
    mean = np.full((1, 400), 40.0)
    group = np.zeros(1, dtype=np.int64)
    even = rates.dispersion(rng.poisson(40, (1, 400)).astype(float), mean, group, 400)
    wild = rng.poisson(40 * rng.gamma(4, 1 / 4, (1, 400))).astype(float)
    assert even[0] == rates.DISPERSION_LEAST
    assert rates.dispersion(wild, mean, group, 400)[0] == pytest.approx(0.25, abs=0.06)
    unknown = np.full((1, 4), np.nan)
    prior = rates.dispersion(unknown, np.ones((1, 4)), group, 4)
    assert prior[0] == pytest.approx(rates.DISPERSION_PRIOR)
    assert rates.caution(8) > rates.caution(28) > 1


def test_benjamini_hochberg_counts_all_tests() -> None:
    p_values = np.array([0.0009, 0.0019, 0.2])
    assert rates.discoveries(p_values, 50, 0.05).tolist() == [True, True, False]
    assert rates.discoveries(p_values, 5000, 0.05).tolist() == [False, False, False]
