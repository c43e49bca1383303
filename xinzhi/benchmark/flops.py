"""The arithmetic an encoder cannot avoid: its matrix multiplications over the real pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TRAINING_FACTOR = 3  # forward, gradient of the inputs, gradient of the weights


@dataclass(frozen=True)
class EncoderShape:
    """The sizes that decide the cost of a transformer encoder."""

    layers: int
    hidden: int
    feed_forward: int

    @classmethod
    def from_config(cls, config: Any) -> EncoderShape:
        """RETURNS (EncoderShape): The sizes in a Hugging Face configuration."""
        return cls(config.num_hidden_layers, config.hidden_size, config.intermediate_size)


@dataclass(frozen=True)
class PieceCount:
    """What an encoder was given.

    sequences (int): Windows of text.
    pieces (int): Word pieces in them, special ones included, padding not.
    squares (int): Sum over the sequences of the square of their length, for attention.
    padded (int | None): Pieces with padding; None if that is not known.
    """

    sequences: int = 0
    pieces: int = 0
    squares: int = 0
    padded: int | None = 0

    @classmethod
    def of_lengths(cls, lengths: list[int], padded: int | None) -> PieceCount:
        """RETURNS (PieceCount): The count of sequences of these lengths."""
        squares = sum(length * length for length in lengths)
        return cls(len(lengths), sum(lengths), squares, padded)

    def __add__(self, other: PieceCount) -> PieceCount:
        unknown = self.padded is None or other.padded is None
        return PieceCount(
            self.sequences + other.sequences,
            self.pieces + other.pieces,
            self.squares + other.squares,
            None if unknown else (self.padded or 0) + (other.padded or 0),
        )

    @property
    def waste(self) -> float | None:
        """RETURNS (float | None): Share of padding among what was computed, 0 to 1."""
        return 1 - self.pieces / self.padded if self.padded else None


def forward_flops(shape: EncoderShape, count: PieceCount) -> float:
    """Floating-point operations of the matrix multiplications of one forward pass.

    A product (m, k) x (k, n) counts 2mkn. Per piece and layer: queries, keys, values and output
    are 4 products of h x h, feed-forward is 2 of h x f; attention is 2 products of length x h.

    shape (EncoderShape): The encoder.
    count (PieceCount): Its input; padding is not counted.
    RETURNS (float): Operations.
    """
    per_piece = 2 * (4 * shape.hidden**2 + 2 * shape.hidden * shape.feed_forward)
    attention = 2 * 2 * shape.hidden * count.squares
    return float(shape.layers * (per_piece * count.pieces + attention))
