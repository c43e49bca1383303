"""What is said about the machine, its memory and its matrix products."""

from __future__ import annotations

import sys

import numpy
import pytest

from xinzhi.benchmark.flops import EncoderShape
from xinzhi.benchmark.gemm import peak_rates
from xinzhi.benchmark.machine import available_cores, describe_machine
from xinzhi.benchmark.measures.encoder import encoder_row
from xinzhi.benchmark.measures.profile import with_shares
from xinzhi.benchmark.measures.scaling import thread_counts
from xinzhi.benchmark.measures.stream import growth
from xinzhi.benchmark.memory import peak_rss
from xinzhi.encoders.precision import has_bf16


def test_machine() -> None:
    machine = describe_machine(3)
    assert machine["cpu"]
    assert machine["threads"] == 3
    assert 1 <= machine["cores"] == available_cores()
    assert {"python", "spacy", "torch", "transformers"} <= set(machine["versions"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_peak_memory_grows_and_stays() -> None:
    before = peak_rss()
    assert before is not None
    size = int(before) + 10_000_000  # bytes: more than there ever was
    numpy.ones(size, dtype="int8")
    after = peak_rss()
    assert after is not None
    assert before + size / 2 < after < before + 2 * size


def test_peak_rates() -> None:
    rates = peak_rates(EncoderShape(1, 8, 16), seconds=0.001)
    assert set(rates) == ({"fp32", "bf16"} if has_bf16("cpu") else {"fp32"})
    assert all(rate > 1e8 for rate in rates.values())


@pytest.mark.parametrize(
    ("cores", "counts"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 4]), (6, [1, 2, 4, 6])],
)
def test_thread_counts(cores: int, counts: list[int]) -> None:
    assert thread_counts(cores) == counts


@pytest.mark.parametrize(
    ("peaks", "expected"),
    [([100.0], 1.0), ([100.0, 105.0], 1.05), ([100.0, 90.0], 1.0), ([None, 3.0], None), ([], None)],
)
def test_growth(peaks: list[float | None], expected: float | None) -> None:
    assert growth(peaks) == expected


def test_encoder_row() -> None:
    row = encoder_row([2.0, 1.0], 8.0, [{"fp32": 8.0}, {"fp32": 10.0}], {"forward": 3.0, "a": 1.0})
    assert row["gflops_per_second"]["high"] == 8e-9
    assert row["share_of_peak"]["fp32"] == pytest.approx((4 / 8 + 8 / 10) / 2)
    assert row["forward_share_of_peak"]["fp32"] == pytest.approx(0.65 / 0.75)
    assert encoder_row([2.0], 8.0, [{}], {"forward": 0.0})["forward_share_of_peak"] is None


def test_shares() -> None:
    split = with_shares({"forward": 3.0, "python": 1.0})
    assert split["forward"] == {"seconds": 3.0, "share": 0.75}
    assert with_shares({"python": 0.0})["python"]["share"] == 0
