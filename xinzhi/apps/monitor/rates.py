"""What to expect of a count, and how surprising one is: rates, seasons, over-dispersion.

Counts are negative binomial (Gamma-Poisson), as in Noufaily et al., "An improved algorithm for
outbreak detection in multiple surveillance systems", Statistics in Medicine 32 (2013): the
variance is mean + mean² · (dispersion + uncertainty of the rate). Instead of a regression per
series, which a few posts a day cannot carry, the rate is a Gamma posterior whose prior is the
mean of the sister series, times a season (hour of the day × day of the week) that leans on the
season of the whole stream: empirical Bayes shrinkage as in DuMouchel, The American Statistician
53 (1999).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .settings import DAY

Array = NDArray[np.float64]
WEEK = 7 * DAY
HOUR_PRIOR = 200.0  # posts: how much the hours of a series lean on those of the stream
DAY_PRIOR = 400.0  # posts: the same for its days of the week
FLAT_HOURS = 48.0  # posts: how much the stream leans on a day without rhythm
FLAT_DAYS = 200.0  # posts: and on a week without
HOUR_DAYS = 2.0  # a rhythm leans besides on so many days,
DAY_WEEKS = 4.0  # and so many weeks: days vary together, however many posts they have
RATE_SHAPE = 1.0  # posts: how much a rate leans on its sisters
DISPERSION_PRIOR = 0.1  # squared variation of a rate from day to day, where nothing is known
DISPERSION_LEAST = 0.05  # no stream of opinions is steadier
DISPERSION_DAYS = 7.0  # days: how much that weighs,
DISPERSION_WEIGHT = 20.0  # and in units of the squared expectation


def season(counts: Array, ok: NDArray[np.bool_], first_weekday: int, base: Array | None) -> Array:
    """The rhythm of counts over a week.

    counts (Array): (..., hours), whole days.
    ok (NDArray): (hours,), the hours that count.
    first_weekday (int): Day of the week of the first day, Monday is 0.
    base (Array | None): (168,), what to lean on; None: no rhythm.
    RETURNS (Array): (..., 168), factors from Monday 0:00 on, with a mean of 1.
    """
    by_hour, exposed_hours = _folded(counts, ok, DAY, 0)
    days = counts * ok
    by_day, exposed_days = _folded(
        days.reshape(*days.shape[:-1], -1, DAY).sum(-1),
        ok.reshape(-1, DAY).mean(-1),
        7,
        first_weekday,
    )
    if base is None:
        hours = _factors(by_hour, exposed_hours, np.ones(DAY), FLAT_HOURS, HOUR_DAYS)
        weekdays = _factors(by_day, exposed_days, np.ones(7), FLAT_DAYS, DAY_WEEKS)
    else:
        grid = base.reshape(7, DAY)
        hours = _factors(by_hour, exposed_hours, grid.mean(0), HOUR_PRIOR, HOUR_DAYS)
        weekdays = _factors(by_day, exposed_days, grid.mean(1), DAY_PRIOR, DAY_WEEKS)
    week = (weekdays[..., :, None] * hours[..., None, :]).reshape(*counts.shape[:-1], WEEK)
    return week / week.mean(-1, keepdims=True)


def _folded(counts: Array, ok: NDArray, period: int, first: int) -> tuple[Array, Array]:
    """RETURNS (tuple): Sums of counts and of exposure by place in the period."""
    place = (np.arange(counts.shape[-1]) + first) % period
    fold = np.eye(period)[place]
    return (counts * ok) @ fold, ok.astype(float) @ fold


def _factors(sums: Array, exposure: Array, base: Array, posts: float, periods: float) -> Array:
    """RETURNS (Array): Factors with a mean of 1, as if so many posts and so many periods more had
    been like `base`."""
    rate = sums.sum(-1, keepdims=True) / max(exposure.sum(), 1e-9)
    lean = posts / len(base) + periods * rate
    with np.errstate(invalid="ignore", divide="ignore"):
        factors = (sums + lean * base) / np.where(rate > 0, rate * exposure + lean, 1.0)
    factors = np.where(rate > 0, factors, base)
    return factors / factors.mean(-1, keepdims=True)


def rates(counts: Array, exposure: Array, groups: NDArray[np.int64]) -> tuple[Array, Array]:
    """The posterior of the rate of each series.

    counts (Array): (series,), posts in its history.
    exposure (Array): (series,), hours of history, weighted by the season.
    groups (NDArray): (series,), sister series have the same number.
    RETURNS (tuple): Mean rate per hour and shape of the Gamma posterior, both (series,).
    """
    sums = np.bincount(groups, counts)
    prior = (sums + 0.5) / (np.bincount(groups, exposure) + 1.0)
    shape = RATE_SHAPE + counts
    return shape / (RATE_SHAPE / prior[groups] + exposure), shape


def dispersion(counts: Array, expected: Array, groups: NDArray[np.int64], days: int) -> Array:
    """How much more the counts vary than by chance: variance = mean + mean² · dispersion.

    By moments, sister series together, each leaning on that.

    counts (Array): (series, blocks); NaN where there is no data.
    expected (Array): The same shape.
    groups (NDArray): (series,).
    days (int): Days of history.
    RETURNS (Array): (series,), at least DISPERSION_LEAST.
    """
    known = ~np.isnan(counts)
    extra = np.where(known, (counts - expected) ** 2 - counts, 0.0).sum(1)
    squares = np.where(known, expected**2, 0.0).sum(1)
    weight = squares * DISPERSION_DAYS / days + DISPERSION_WEIGHT
    shared = np.bincount(groups, extra + DISPERSION_PRIOR * weight)
    shared = np.maximum(0.0, shared / np.maximum(np.bincount(groups, squares + weight), 1e-9))
    own = (extra + weight * shared[groups]) / (squares + weight)
    return np.maximum(DISPERSION_LEAST, own)


def caution(days: int) -> float:
    """How much more the counts may vary than a short history shows: two standard errors of a
    variance estimated from so many independent days.

    days (int): Days of history.
    RETURNS (float): A factor above 1.
    """
    return 1.0 + 2.0 * math.sqrt(2.0 / days)


def upper_tail(counts: ArrayLike, mean: ArrayLike, dispersed: ArrayLike) -> Array:
    """RETURNS (Array): P(X >= counts) of a negative binomial with the variance
    mean + mean² · dispersed; where dispersed is 0, of a Poisson."""
    return stats.nbinom.sf(np.asarray(counts) - 1, *_parameters(mean, dispersed))


def lower_tail(counts: ArrayLike, mean: ArrayLike, dispersed: ArrayLike) -> Array:
    """RETURNS (Array): P(X <= counts), as `upper_tail`."""
    return stats.nbinom.cdf(counts, *_parameters(mean, dispersed))


def _parameters(mean: ArrayLike, dispersed: ArrayLike) -> tuple[Array, Array]:
    """RETURNS (tuple): Size and probability, as scipy has them."""
    size = 1.0 / np.maximum(dispersed, 1e-9)
    return size, size / (size + np.asarray(mean))


def discoveries(p_values: Array, tests: int, alpha: float) -> NDArray[np.bool_]:
    """Benjamini and Hochberg's procedure (1995) on the smallest p-values of many tests.

    p_values (Array): Those that were worked out; all others count as 1.
    tests (int): How many tests there are in all.
    alpha (float): The false discovery rate.
    RETURNS (NDArray): Which of them are discoveries.
    """
    padded = np.ones(max(tests, len(p_values)))
    padded[: len(p_values)] = p_values
    return stats.false_discovery_control(padded)[: len(p_values)] <= alpha
