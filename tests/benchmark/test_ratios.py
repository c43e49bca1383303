"""Medians, spread and, above all, the direction of every ratio."""

from __future__ import annotations

import numpy
import pytest

from xinzhi.benchmark.measures.load import load_ratios
from xinzhi.benchmark.measures.predict import prediction_ratios
from xinzhi.benchmark.measures.train import FASTEST, training_ratios
from xinzhi.benchmark.ratios import RATIOS, complete, faster, leaner, percentile, summarise


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], (3.0, 3.0, 3.0)),
        ([1.0, 9.0, 2.0], (2.0, 1.0, 9.0)),
        ([4.0, 1.0, 2.0, 100.0], (3.0, 1.0, 100.0)),
    ],
)
def test_summarise(values: list[float], expected: tuple[float, float, float]) -> None:
    summary = summarise(values)
    assert (summary["median"], summary["low"], summary["high"]) == expected
    assert summary["values"] == values


@pytest.mark.parametrize("values", [[5.0], [2.0, 1.0], [0.3, 0.1, 0.2, 9.0, 0.4]])
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.95, 1.0])
def test_percentile_is_numpys(values: list[float], share: float) -> None:
    assert percentile(values, share) == pytest.approx(float(numpy.quantile(values, share)))


def test_rates_and_costs_point_the_same_way() -> None:
    assert faster([30.0, 20.0], [10.0, 10.0])["values"] == [3.0, 2.0]
    assert leaner([1.0, 2.0], [3.0, 4.0])["values"] == [3.0, 2.0]


def test_drift_cancels_within_a_round() -> None:
    """The machine got 10 times slower in the second round; ours is twice as fast in both."""
    assert faster([200.0, 20.0], [100.0, 10.0])["values"] == [2.0, 2.0]


def test_rounds_must_match() -> None:
    with pytest.raises(ValueError, match="shorter"):
        faster([1.0, 2.0], [1.0])


def better(times: float) -> dict[str, dict]:
    """RETURNS (dict): Every measured ratio, when ours needs 1/times of every cost."""
    seconds = {"ours": [1.0, 2.0], "stock": [times, 2 * times], "hf": [times, 2 * times]}
    single = {name: [[s, s, 9 * s] for s in values] for name, values in seconds.items()}
    epochs = {name: [(s, 4) for s in values] for name, values in seconds.items()}
    epochs |= {f"{name}{FASTEST}": epochs[name] for name in ("ours", "stock")}
    runs = {
        name: [{"seconds": s, "first": s / 5, "peak_rss": 1e6 * s} for s in values]
        for name, values in seconds.items()
    }
    sizes = {"ours": 1000, "stock": int(1000 * times), "hf": 1}
    return {
        **prediction_ratios(seconds, single),
        **training_ratios(epochs),
        **load_ratios(runs, sizes),
    }


@pytest.mark.parametrize("times", [0.5, 1.0, 4.0])
def test_every_ratio_is_above_1_when_ours_is_better(times: float) -> None:
    ratios = complete(better(times))
    assert set(ratios) == set(RATIOS)
    assert ratios == dict.fromkeys(RATIOS, pytest.approx(times))


def test_what_was_not_measured_is_there_as_none() -> None:
    assert complete({}) == dict.fromkeys(RATIOS)
    names = {"predict_vs_stock", "predict_vs_hf", "train_vs_stock", "train_vs_hf"}
    assert names | {"load_vs_stock", "size_vs_stock", "rss_vs_stock"} <= set(RATIOS)


def test_memory_that_the_system_does_not_tell_gives_no_ratio() -> None:
    run = {"seconds": 1.0, "first": 0.1, "peak_rss": None}
    ratios = load_ratios({"ours": [run], "stock": [run]}, {"ours": 2, "stock": 4})
    assert "rss_vs_stock" not in ratios
    assert ratios["size_vs_stock"]["median"] == 2
