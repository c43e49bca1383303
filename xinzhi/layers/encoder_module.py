"""The torch module that is trained, and what turns a transformer's output into token vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.utils.checkpoint import checkpoint

from ..encoders.precision import autocast_dtype
from .attention import fast_attention
from .encoder_runtime import Group, Runtime
from .encoder_store import StoredEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MAX_RANK = 8
FEW_PIECES = 256  # one thread is done with so many before several have found together


class TorchEncoder(torch.nn.Module):
    """Runs padded groups through a transformer and picks rows.

    transformer (PreTrainedModel): The Hugging Face encoder.
    rank_vectors (bool): Add a learned vector for the rank of a token within its piece.
    train_precision (str): See `encoders.precision`.
    """

    def __init__(
        self, transformer: PreTrainedModel, rank_vectors: bool, train_precision: str
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.mean: torch.Tensor
        self.scale: torch.Tensor
        self.train_precision = train_precision
        width = transformer.config.hidden_size
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.ranks = torch.nn.Embedding(MAX_RANK, width) if rank_vectors else None
        if self.ranks is not None:
            torch.nn.init.zeros_(self.ranks.weight)

    def forward(self, groups: list[Group], rows: torch.Tensor, ranks: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): float32 vectors, shape (len(rows), width).

        Several groups (a document longer than one group) are computed again in the backward pass,
        so that the activations of one group at a time are in memory.
        """
        if not groups:
            return self.mean.new_zeros((0, len(self.mean)))
        device = rows.device.type
        dtype = autocast_dtype(self.train_precision, device)
        with torch.autocast(device, dtype=dtype, enabled=dtype is not None):
            if len(groups) > 1:
                states = [checkpoint(self._states, *group, use_reentrant=False) for group in groups]
            else:
                states = [self._states(*group) for group in groups]
        table = None if self.ranks is None else self.ranks.weight
        return pick_rows(torch.cat(states), rows, ranks, self.mean, self.scale, table)

    def _states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): The last layer's vectors, shape (rows * longest, width)."""
        with fast_attention(self.training, ids.device.type):
            output = self.transformer(input_ids=ids, attention_mask=mask)
        states: torch.Tensor = output.last_hidden_state.flatten(0, 1)
        return states


class Predictor:
    """A frozen encoder: a runtime and what follows it.

    stored (StoredEncoder): The encoder.
    runtime (Runtime): As from `encoder_runtime.make_runtime`.
    """

    def __init__(self, stored: StoredEncoder, runtime: Runtime) -> None:
        self.runtime = runtime
        self.mean, self.scale = stored.state["mean"], stored.state["scale"]
        self.table = stored.state.get("ranks.weight")

    def __call__(
        self, groups: list[Group], rows: torch.Tensor, ranks: torch.Tensor
    ) -> torch.Tensor:
        """RETURNS (Tensor): As `TorchEncoder.forward`."""
        if not groups:
            return self.mean.new_zeros((0, len(self.mean)))
        cells = sum(ids.numel() for ids, _ in groups)
        with threads_for(cells, rows.device.type):
            flat = self.runtime(groups)
        return pick_rows(flat, rows, ranks, self.mean, self.scale, self.table)


@contextmanager
def threads_for(pieces: int, device_type: str) -> Iterator[None]:
    """Within this context torch uses one thread if there is little to do: threads that wait sleep
    (see `xinzhi.__init__`), and are woken for every operation."""
    threads = torch.get_num_threads()
    if threads == 1 or pieces > FEW_PIECES or device_type != "cpu":
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def pick_rows(
    states: torch.Tensor,
    rows: torch.Tensor,
    ranks: torch.Tensor,
    mean: torch.Tensor,
    scale: torch.Tensor,
    table: torch.Tensor | None,
) -> torch.Tensor:
    """Pick the vectors of the output, standardise them and mark their ranks.

    states (Tensor): Vectors of all groups, shape (n, width).
    rows (Tensor): Which of them, shape (m,).
    ranks (Tensor): Rank of the token within its piece, shape (m,).
    mean, scale (Tensor): See `standardisation`.
    table (Tensor | None): A vector per rank, shape (ranks, width).
    RETURNS (Tensor): float32, shape (m, width).
    """
    picked = (states.index_select(0, rows).float() - mean) * scale
    if table is not None:
        picked = picked + torch.nn.functional.embedding(ranks.clamp(max=len(table) - 1), table)
    return picked


def standardisation(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The shift and scale after which these vectors have mean 0 and variance 1.

    Sentence encoders put most of a token's length into one direction that all tokens share (on
    multilingual-e5-small the mean cosine of two tokens is 0.73, the standard deviation of a feature
    0.13). Fresh heads then learn that direction first, and push the encoder along it.

    vectors (Tensor): Output of the encoder for a sample, shape (n, width).
    RETURNS (tuple): What to subtract, and what to multiply by then; shape (width,).
    """
    return vectors.mean(0), 1.0 / vectors.std(0).clamp(min=1e-3)
