"""Surges in hourly counts: one pass over the days, tests at every full hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from . import rates
from .settings import DAY, AlarmSettings

GAP_P = 1e-3  # fewer posts than that improbable: no data, or a day off
GAP_SPREAD = 0.05  # squared variation of the whole stream from day to day


@dataclass(frozen=True)
class Counts:
    """Hourly counts from a local midnight on, in whole days.

    values (NDArray): (series, hours) posts of the watched sentiment.
    total (NDArray): (hours,) all posts of the stream.
    groups (NDArray): (series,) sister series (e.g. all topics) have the same number. Each group is
        a family of tests with an equal part of the false alarms, so that the many entities do not
        take from the few topics.
    first_weekday (int): Day of the week of the first day, Monday is 0.
    others (dict): Group to the number of its series that are left out because they are too small
        ever to be tested; they count as tests.
    """

    values: NDArray[np.float64]
    total: NDArray[np.float64]
    groups: NDArray[np.int64]
    first_weekday: int = 0
    others: Mapping[int, int] = field(default_factory=dict)

    @property
    def days(self) -> int:
        return len(self.total) // DAY


@dataclass(frozen=True)
class Surge:
    """A series above what is expected in one window.

    series (int): Its number.
    hour (int): The last hour of the window, from the beginning of the counts.
    window (int): Hours.
    count (float): Posts in it.
    expected (float): Posts expected.
    p_value (float): Probability of so many or more.
    spread (float): Squared variation of the rate: dispersion and uncertainty.
    limit (float): The largest p-value that would have been significant in that hour.
    """

    series: int
    hour: int
    window: int
    count: float
    expected: float
    p_value: float
    spread: float
    limit: float = 0.0

    def recounted(self, count: float) -> Surge | None:
        """RETURNS (Surge | None): The surge with another count, if it is still significant."""
        p_value = float(rates.upper_tail(count, self.expected, self.spread))
        return replace(self, count=count, p_value=p_value) if p_value <= self.limit else None


@dataclass
class Detection:
    """What one pass over the counts finds.

    surges (list[Surge]): In order of time, most significant first.
    gaps (NDArray): (hours,) whether the hour holds no data, or is far below normal.
    expected (NDArray): (series, hours) what was expected; NaN before there is a history.
    """

    surges: list[Surge]
    gaps: NDArray[np.bool_]
    expected: NDArray[np.float64]


@dataclass
class _Pass:
    """The state of a pass: what is known at the beginning of a day."""

    counts: Counts
    settings: AlarmSettings
    ok: NDArray[np.bool_] = field(init=False)  # hours with data
    usual: NDArray[np.bool_] = field(init=False)  # (series, hours) not in an alarm
    began: NDArray[np.int64] = field(init=False)  # (series,) first hour of the running surge
    last: NDArray[np.int64] = field(init=False)  # (series,) its last hour

    def __post_init__(self) -> None:
        shape = self.counts.values.shape
        self.ok = np.ones(shape[1], dtype=bool)
        self.usual = np.ones(shape, dtype=bool)
        self.began = np.full(shape[0], -1)
        self.last = np.full(shape[0], -(10**9))


def detect(counts: Counts, settings: AlarmSettings) -> Detection:
    """Find surges. What is expected on a day is settled at its beginning, from what came before.

    counts (Counts): The counts.
    settings (AlarmSettings): The settings.
    RETURNS (Detection): Surges, gaps and expectations.
    """
    state = _Pass(counts, settings)
    surges: list[Surge] = []
    expected = np.full(counts.values.shape, np.nan)
    for day in range(1, counts.days):
        base = rates.season(*_stream_history(state, day), base=None)
        _mark_gaps(state, day, base)
        if day < settings.min_history_days:
            continue
        mean, uncertain, dispersed = _expect(state, day, base)
        first = day * DAY
        expected[:, first : first + DAY] = mean[:, -DAY:]
        for surge in _test_day(state, first, mean, uncertain, dispersed):
            surges.append(surge)
            _mask(state, surge)
    return Detection(surges, ~state.ok, expected)


def _history(state: _Pass, day: int) -> slice:
    return slice(max(0, day - state.settings.history_days) * DAY, day * DAY)


def _stream_history(state: _Pass, day: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Total counts, hours with data, and the first weekday of the days before a day."""
    past = _history(state, day)
    weekday = (state.counts.first_weekday + past.start // DAY) % 7
    return state.counts.total[past], state.ok[past], weekday


def _factors(state: _Pass, week: np.ndarray, start: int, end: int) -> np.ndarray:
    """The season of the hours from start to end."""
    place = (np.arange(start, end) + state.counts.first_weekday * DAY) % rates.WEEK
    return week[..., place]


def _mark_gaps(state: _Pass, day: int, base: np.ndarray) -> None:
    """Was the day before a day off, or were there hours without data? They say nothing later."""
    total, ok, _ = _stream_history(state, day)
    past = _history(state, day)
    factors = _factors(state, base, past.start, past.stop)
    exposure = float((factors * ok)[:-DAY].sum())
    if exposure < 2 * DAY:
        return
    rate = float((total * ok)[:-DAY].sum()) / exposure
    mean = rate * factors
    spread = 1.0 / (1.0 + rate * exposure) + GAP_SPREAD
    if rates.lower_tail(total[-DAY:].sum(), mean[-DAY:].sum(), spread) < GAP_P:
        state.ok[past.stop - DAY : past.stop] = False
    for first, last in _zero_runs(total, len(total) - DAY):
        if rates.lower_tail(0, mean[first:last].sum(), spread) < GAP_P:
            state.ok[past.start + first : past.start + last] = False


def _zero_runs(total: np.ndarray, since: int) -> list[tuple[int, int]]:
    """RETURNS (list): First hour and end of runs without a post that end after `since`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], total == 0, [0]]).astype(int)))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first, end) for first, end in runs if end > since]


def _expect(
    state: _Pass, day: int, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """What to expect in the hours of a day and of the day before (for windows across midnight).

    RETURNS (tuple): Means (series, 48), squared uncertainty of the rates (series,), and for each
        window the dispersion (series,).
    """
    past = _history(state, day)
    known = state.usual[:, past] & state.ok[past]
    values = np.where(known, state.counts.values[:, past], 0.0)
    _, ok, weekday = _stream_history(state, day)
    weeks = rates.season(values, ok, weekday, base)
    factors = _factors(state, weeks, past.start, past.stop)
    rate, shape = rates.rates(values.sum(1), (factors * known).sum(1), state.counts.groups)
    expected = rate[:, None] * factors
    dispersed = {}
    for window in state.settings.windows:
        blocks = (len(values), -1, window)
        whole = known.reshape(blocks).all(-1)
        sums = np.where(whole, values.reshape(blocks).sum(-1), np.nan)
        means = expected.reshape(blocks).sum(-1)
        days = len(ok) // DAY
        moment = rates.dispersion(sums, means, state.counts.groups, days)
        dispersed[window] = moment * rates.caution(days)
    first = day * DAY
    mean = rate[:, None] * _factors(state, weeks, first - DAY, first + DAY)
    return mean, 1.0 / shape, dispersed


def _test_day(
    state: _Pass,
    first: int,
    mean: np.ndarray,
    uncertain: np.ndarray,
    dispersed: dict[int, np.ndarray],
) -> list[Surge]:
    """RETURNS (list): The surges of the 24 hours from `first` on."""
    settings, values = state.settings, state.counts.values
    sums = np.cumsum(np.pad(values[:, first - DAY : first + DAY], ((0, 0), (1, 0))), axis=1)
    means = np.cumsum(np.pad(mean, ((0, 0), (1, 0))), axis=1)
    ends = np.arange(DAY + 1, 2 * DAY + 1)
    candidates = []
    for window in settings.windows:
        count = sums[:, ends] - sums[:, ends - window]
        expected = means[:, ends] - means[:, ends - window]
        at = np.nonzero(count >= settings.min_volume)
        spread = (uncertain + dispersed[window])[at[0]]
        p_values = rates.upper_tail(count[at], expected[at], spread)
        found = zip(*at, p_values.tolist(), spread.tolist(), strict=True)
        candidates += [
            Surge(int(s), first + int(h), window, float(count[s, h]), float(expected[s, h]), p, v)
            for s, h, p, v in found
        ]
    seen = (values[:, :first].sum(1) > 0) | (sums[:, -1] > 0)
    return _discoveries(candidates, state.counts, seen, settings)


def _discoveries(
    candidates: list[Surge], counts: Counts, seen: np.ndarray, settings: AlarmSettings
) -> list[Surge]:
    """Those that stand up to the tests of their family in the same hour, in order."""
    groups = counts.groups
    alpha = settings.alpha / len(np.unique(groups))
    families: dict[tuple[int, int], list[Surge]] = {}
    for surge in candidates:
        if surge.p_value <= alpha:
            families.setdefault((surge.hour, int(groups[surge.series])), []).append(surge)
    found: list[Surge] = []
    for (_, group), own in families.items():
        tests = int(seen[groups == group].sum()) + counts.others.get(group, 0)
        tests *= len(settings.windows)
        kept = rates.discoveries(np.array([surge.p_value for surge in own]), tests, alpha)
        limit = alpha * int(kept.sum()) / tests
        found += [replace(s, limit=limit) for s, keep in zip(own, kept, strict=True) if keep]
    return sorted(found, key=lambda surge: (surge.hour, surge.p_value, surge.series))


def _mask(state: _Pass, surge: Surge) -> None:
    """Leave the hours of a surge out of what its series is expected to do later."""
    settings, series = state.settings, surge.series
    start = surge.hour - surge.window + 1
    if surge.hour - state.last[series] > settings.cooldown_hours:
        state.began[series] = start
    state.last[series] = surge.hour
    limit = state.began[series] + settings.mask_days * DAY
    state.usual[series, max(start, 0) : min(surge.hour + 1, limit)] = False
