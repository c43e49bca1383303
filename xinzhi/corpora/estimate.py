"""How long a training takes on this machine, and how much memory: rough, before it starts.

The work is counted in floating-point operations: 6 for each weight of the encoder's layers and
each word piece in training, 2 in an evaluation (Kaplan et al. 2020, section 2.1); the speed is that
of a matrix product of the encoder's size, measured here and now. Small layers, tokenisation and
padding are covered by one factor, so take the result as right within a factor of two.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

EFFICIENCY = 0.4  # of the speed of a bare matrix product
BYTES_PER_WEIGHT = 16  # weight, gradient and Adam's two moments, 4 bytes each
PROCESS_BYTES = 700 * 2**20  # Python, torch, spaCy
NO_STEPS = 20_000  # steps if the config sets no limit but patience


@dataclass(frozen=True)
class EncoderSize:
    """The sizes of an encoder.

    hidden, layers, feed_forward, vocabulary (int): As in its config.json.
    """

    hidden: int
    layers: int
    feed_forward: int
    vocabulary: int

    @classmethod
    def of(cls, folder: Path) -> EncoderSize | None:
        """RETURNS (EncoderSize | None): The sizes of the encoder in a folder, if it says them."""
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf8"))
            names = ("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size")
            return cls(*(int(config[name]) for name in names))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def layer_weights(self) -> int:
        """Weights of all layers: attention and feed-forward."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.feed_forward)

    @property
    def activations(self) -> int:
        """Numbers kept per word piece for the backward pass."""
        return self.layers * (12 * self.hidden + 2 * self.feed_forward)


@dataclass(frozen=True)
class Estimate:
    """What a training will take.

    steps (int): Training steps, as far as the config says.
    pieces (int): Word pieces that go through the encoder in training.
    evaluated (int): Word pieces that go through it in evaluations.
    seconds (float): Time on this machine, on the CPU.
    bytes (int): Memory of the process.
    """

    steps: int
    pieces: int
    evaluated: int
    seconds: float
    bytes: int

    def __str__(self) -> str:
        minutes = self.seconds / 60
        shown = f"{minutes / 60:.1f} hours" if minutes > 90 else f"{max(minutes, 1):.0f} minutes"
        return (
            f"about {shown} on this CPU and {self.bytes / 2**30:.1f} GB of memory, "
            f"for {self.steps:,} steps and {self.pieces:,} word pieces (within a factor of two)"
        )

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def estimate(
    config: dict[str, Any],
    size: EncoderSize,
    train: Sequence[int],
    dev: Sequence[int],
    flops: float | None = None,
) -> Estimate | None:
    """Estimate the training that a config describes.

    config (dict): The interpolated config.
    size (EncoderSize): Its encoder.
    train, dev (Sequence[int]): Word pieces of each text (or of a sample of them).
    flops (float | None): Floating-point operations per second; None: measured.
    RETURNS (Estimate | None): None if there is nothing to train on.
    """
    training = config.get("training", {})
    batch = batch_pieces(training.get("batcher", {}), train)
    if not batch:
        return None
    steps = count_steps(training, sum(train), batch)
    evaluations = steps // max(1, training.get("eval_frequency") or 200) + 1
    pieces, evaluated = steps * batch, evaluations * sum(dev)
    work = size.layer_weights * (6 * pieces + 2 * evaluated)
    speed = flops or measure_flops(size)
    weights = size.layer_weights + size.hidden * size.vocabulary
    memory = weights * BYTES_PER_WEIGHT + 4 * size.activations * max(batch, max(train))
    return Estimate(steps, pieces, evaluated, work / (EFFICIENCY * speed), memory + PROCESS_BYTES)


def batch_pieces(batcher: dict[str, Any], lengths: Sequence[int]) -> int:
    """RETURNS (int): Word pieces in a batch; 0 if there are no texts."""
    if not lengths:
        return 0
    size = batcher.get("size")
    if isinstance(size, dict):  # a schedule: its last value is what most steps see
        size = size.get("stop", size.get("initial_rate"))
    if not isinstance(size, int | float):
        size = 1000
    if "batch_by_sequence" in str(batcher.get("@batchers")):
        return round(size * sum(lengths) / len(lengths))
    return min(round(size), sum(lengths))


def count_steps(training: dict[str, Any], pieces: int, batch: int) -> int:
    """RETURNS (int): Steps until max_steps or max_epochs; patience may end it sooner."""
    limits = []
    if (training.get("max_steps") or 0) > 0:
        limits.append(training["max_steps"])
    if (training.get("max_epochs") or 0) > 0:
        limits.append(training["max_epochs"] * max(1, -(-pieces // batch)))
    return min(limits, default=NO_STEPS)


def measure_flops(size: EncoderSize, seconds: float = 0.2) -> float:
    """The speed of matrix products as large as the encoder's.

    size (EncoderSize): The encoder.
    seconds (float): How long to measure.
    RETURNS (float): Floating-point operations per second.
    """
    rows = 512
    one = np.ones((rows, size.hidden), dtype="float32")
    two = np.ones((size.hidden, size.feed_forward), dtype="float32")
    one @ two  # the first call starts the threads
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        one @ two
        count += 1
    return count * 2 * rows * size.hidden * size.feed_forward / (time.perf_counter() - start)
