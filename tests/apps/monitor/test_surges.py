"""Surges in made-up counts: what is found and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from xinzhi.apps.monitor.incidents import group_surges
from xinzhi.apps.monitor.settings import DAY, AlarmSettings
from xinzhi.apps.monitor.surges import Counts, Detection, Surge, detect
from xinzhi.errors import XinzhiError

SETTINGS = AlarmSettings()


def stream(days: int = 30, rate: float = 0.6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Negative posts of two topics, and all posts of the stream, by day only in the hours 8–23."""
    rng = np.random.default_rng(seed)
    awake = np.tile(np.arange(DAY) >= 8, days)
    bad = rng.poisson(rate / 16, (2, days * DAY)) * awake
    return bad.astype(float), (bad.sum(0) + rng.poisson(0.7, days * DAY) * awake).astype(float)


def run(bad: np.ndarray, total: np.ndarray, settings: AlarmSettings = SETTINGS) -> Detection:
    values = np.concatenate([bad.sum(0, keepdims=True), bad])
    return detect(Counts(values, total, np.array([0, 1, 1])), settings)


def test_an_even_stream_has_no_surge() -> None:
    assert run(*stream()).surges == []


def test_a_surge_is_found_soon_and_only_in_its_topic() -> None:
    bad, total = stream()
    begin = 20 * DAY + 10
    bad[1, begin : begin + 12] += 1
    total[begin : begin + 12] += 1
    surges = run(bad, total).surges
    assert {surge.series for surge in surges if surge.series} == {2}
    assert begin + 4 <= surges[0].hour <= begin + 8
    assert surges[0].count >= SETTINGS.min_volume
    assert surges[0].p_value <= surges[0].limit < 1e-3
    assert surges[0].recounted(surges[0].count) == surges[0]
    assert surges[0].recounted(1) is None


def test_settings_hold() -> None:
    bad, total = stream()
    bad[1, 485:497] += 1
    total[485:497] += 1
    assert run(bad, total, AlarmSettings(min_volume=40)).surges == []
    late = run(bad, total, AlarmSettings(min_history_days=28)).surges
    assert all(surge.hour >= 28 * DAY for surge in late)
    with pytest.raises(XinzhiError, match="windows"):
        AlarmSettings(windows=(5,))
    with pytest.raises(XinzhiError, match="min_volume"):
        AlarmSettings(min_volume=0)


def test_more_of_everything_on_the_same_weekday_is_no_surge() -> None:
    days = 35
    bad, total = stream(days, rate=12)
    monday = np.repeat(np.arange(days) % 7 == 0, DAY)
    bad[:, monday] *= 3
    total = np.where(monday, total * 3, total)
    assert [s for s in run(bad, total).surges if s.hour >= 28 * DAY] == []


@pytest.mark.parametrize("gap", [slice(15 * DAY, 16 * DAY), slice(15 * DAY, 18 * DAY)])
def test_a_gap_is_seen_and_is_no_news(gap: slice) -> None:
    bad, total = stream()
    bad[:, gap], total[gap] = 0, 0
    found = run(bad, total)
    assert found.gaps[gap].all()
    assert found.gaps.sum() < 2 * (gap.stop - gap.start)
    assert found.surges == []
    before = np.nanmean(run(*stream()).expected[0, 20 * DAY :])
    assert np.nanmean(found.expected[0, 20 * DAY :]) == pytest.approx(before, rel=0.2)


def test_after_a_surge_the_expectation_is_as_before_but_a_new_level_is_learnt() -> None:
    bad, total = stream(60)
    calm = run(bad, total).expected[2, 25 * DAY :].sum()
    once = bad.copy()
    once[1, 480:504] += 1
    found = run(once, total + (once - bad).sum(0))
    assert found.expected[2, 25 * DAY :].sum() < 1.3 * calm
    level = bad.copy()
    level[1, 480:] += (np.arange(60 * DAY - 480) % DAY >= 8) * 0.5
    found = run(level, total + (level - bad).sum(0))
    assert found.surges[-1].hour < 50 * DAY


def test_other_series_count_as_tests() -> None:
    bad, total = stream()
    bad[1, 490:496] += 1
    total[490:496] += 1
    few = detect(Counts(bad, total, np.array([1, 1])), SETTINGS).surges
    many = Counts(bad, total, np.array([1, 1]), others={1: 10**6})
    assert few
    assert len(detect(many, SETTINGS).surges) < len(few)


def surge(series: int, hour: int, p_value: float = 1e-9) -> Surge:
    return Surge(series, hour, 6, 8.0, 0.2, p_value, 0.1, 1e-6)


def test_incidents_share_series_or_posts() -> None:
    one, again, entity, other = surge(1, 10), surge(1, 20, 1e-12), surge(5, 11), surge(2, 12)
    later = surge(1, 60)
    posts = {
        one: frozenset("abcde"),
        entity: frozenset("abcdx"),
        other: frozenset("vwxyz"),
        again: frozenset("fghij"),
        later: frozenset("klmno"),
    }
    incidents = group_surges([one, entity, other, again, later], posts, cooldown=24)
    assert [incident.first for incident in incidents] == [one, other, later]
    assert list(incidents[0].surges) == [1, 5]
    assert incidents[0].surges[1] == again
    assert incidents[0].own == set("abcdefghij")
    assert incidents[0].last_hour == 20
