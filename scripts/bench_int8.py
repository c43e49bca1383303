"""Is int8 faster than bf16? The products of an encoder layer in torch's own oneDNN operations.

bf16: packed weights, activation and residual sum fused, as xinzhi predicts. int8: one scale per
tensor of inputs, known beforehand, and one per row of weights; bf16 to int8 where a product needs
it, GELU straight to int8.

OMP_NUM_THREADS=1 python scripts/bench_int8.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import torch
import typer

from xinzhi.layers.linear import PackedLinear

SCALE = 0.05  # of all int8 inputs; speed does not depend on it


def quantise(X: torch.Tensor) -> torch.Tensor:
    """RETURNS (Tensor): bf16 to int8."""
    return X.mul(1 / SCALE).round_().clamp_(-127, 127).to(torch.int8)


def int8_linear(n_in: int, n_out: int, activation: str, out: torch.dtype) -> Callable:
    """RETURNS (Callable): An int8 product with random weights, from int8 to `out`."""
    weight = torch.randint(-127, 128, (n_out, n_in), dtype=torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(weight, None)
    scales, zeros = torch.rand(n_out) * 0.001, torch.zeros(n_out, dtype=torch.int32)
    bias, out_scale = torch.randn(n_out), SCALE if out == torch.int8 else 1.0
    what: tuple[str, list[float], str] = (activation, [], "none" if activation == "gelu" else "")

    def run(X: torch.Tensor) -> torch.Tensor:
        return torch.ops.onednn.qlinear_pointwise(
            X, SCALE, 0, packed, scales, zeros, bias, out_scale, 0, out, *what
        )

    return run


def products(pieces: int, width: int, wide: int) -> dict[str, tuple[Callable, Callable]]:
    """RETURNS (dict): Name -> the product in bf16 and in int8."""
    bf16 = torch.bfloat16
    X, U = torch.randn(pieces, width, dtype=bf16), torch.randn(pieces, wide, dtype=bf16)
    U8 = quantise(U)

    def packed(n_in: int, n_out: int) -> PackedLinear:
        return PackedLinear(torch.randn(n_out, n_in) * n_in**-0.5, torch.randn(n_out), bf16)

    project, merge, widen, narrow = (
        packed(*sizes)
        for sizes in ((width, 3 * width), (width, width), (width, wide), (wide, width))
    )
    project8 = int8_linear(width, 3 * width, "none", bf16)
    merge8 = int8_linear(width, width, "none", bf16)
    widen8 = int8_linear(width, wide, "gelu", torch.int8)
    narrow8 = int8_linear(wide, width, "none", bf16)
    return {
        "queries, keys, values": (lambda: project(X), lambda: project8(quantise(X))),
        "output of attention": (lambda: merge.add(X, X), lambda: merge8(quantise(X)).add_(X)),
        "widen and GELU": (lambda: widen.activate(X, "gelu"), lambda: widen8(quantise(X))),
        "narrow": (lambda: narrow.add(U, X), lambda: narrow8(U8).add_(X)),
    }


def main(
    pieces: Annotated[int, typer.Option(help="Word pieces of a batch.")] = 4096,
    width: Annotated[int, typer.Option(help="Width of the encoder.")] = 384,
    wide: Annotated[int, typer.Option(help="Width of its feed-forward network.")] = 1536,
    rounds: Annotated[int, typer.Option(help="Alternations; the best counts.")] = 15,
) -> None:
    """Print a table: milliseconds of processor time."""
    sums = [0.0, 0.0]
    print("| product | bf16 ms | int8 ms |\n| --- | --- | --- |")
    with torch.inference_mode():
        for name, pair in products(pieces, width, wide).items():
            best = [float("inf")] * 2
            for _ in range(rounds):
                for i, run in enumerate(pair):
                    start = time.process_time()
                    run()
                    best[i] = min(best[i], time.process_time() - start)
            sums = [a + b for a, b in zip(sums, best, strict=True)]
            print(f"| {name} | {best[0] * 1e3:.2f} | {best[1] * 1e3:.2f} |")
    print(f"| together | {sums[0] * 1e3:.2f} | {sums[1] * 1e3:.2f} |")


if __name__ == "__main__":
    typer.run(main)
