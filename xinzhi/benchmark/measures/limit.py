"""How fast the encoder could be if it were nothing but matrix products at the peak rate."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from ..flops import EncoderShape, PieceCount, forward_flops
from ..gemm import peak_rates
from ..ratios import summarise
from ..session import Session, Workers

PROCESS = "hf"  # the process that multiplies matrices; it sets nothing that could matter


def peak_turn(
    session: Session, workers: Workers, shape: EncoderShape
) -> Callable[[], dict[str, float]]:
    """RETURNS (Callable): A turn that measures the peak rate of every precision."""

    def turn() -> dict[str, float]:
        session.progress.step("multiplying matrices")
        return workers[PROCESS].run(measure_peak, shape)

    return turn


def measure_peak(_: object, shape: EncoderShape) -> dict[str, float]:
    """RETURNS (dict): Precision -> peak operations per second (to run in a worker)."""
    return peak_rates(shape)


def limits(
    shape: EncoderShape,
    count: PieceCount,
    characters: int,
    peaks: list[dict[str, float]],
    speed: float,
    factor: int = 1,
) -> dict[str, Any]:
    """Compare a speed with the physical limit.

    shape (EncoderShape): Our encoder.
    count (PieceCount): The pieces of the documents, without padding.
    characters (int): Their characters.
    peaks (list): Peak rates of every round, as `gemm.peak_rates` gives them.
    speed (float): Our characters per second.
    factor (int): Times the operations of a forward pass; 3 for training.
    RETURNS (dict): "flops" and, per precision, "gflops_per_second" (peak), "characters_per_second"
        (limit), "share" (our speed as a share of the limit). Empty if no pieces were counted.
    """
    if not count.pieces:
        return {}
    flops = forward_flops(shape, count) * factor
    result: dict[str, Any] = {"flops": flops}
    for precision in peaks[0]:
        rates = [peak[precision] for peak in peaks]
        limit = characters * median(rates) / flops
        result[precision] = {
            "gflops_per_second": summarise([rate / 1e9 for rate in rates]),
            "characters_per_second": limit,
            "share": speed / limit,
        }
    return result
