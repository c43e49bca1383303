"""Documents of different lengths side by side, without padding.

The tokens of a batch are kept in two orders. *Flat*: document after document, as the encoder gives
them. *Packed*: time step after time step, the longest document first, as in PyTorch's
`PackedSequence`: step t holds the t-th token of every document that is long enough. A recurrence
over packed tokens is one tensor operation per step and costs exactly one row per token, so one long
document in a batch does not blow up the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class PackedBatch:
    """The index of a packed batch.

    to_packed (Tensor): Flat position of each packed token, shape (tokens,).
    to_flat (Tensor): Packed position of each flat token, shape (tokens,).
    sizes (list): Number of tokens (= of documents that are long enough) per time step.
    last (Tensor): Packed position of the last token of each document that has one.
    doc (Tensor): For each packed token, the number of its document among those that have tokens.
    """

    to_packed: torch.Tensor
    to_flat: torch.Tensor
    sizes: list[int]
    last: torch.Tensor
    doc: torch.Tensor

    @property
    def n_docs(self) -> int:
        """RETURNS (int): The number of documents that have tokens."""
        return len(self.last)


def pack(lengths: np.ndarray, device: torch.device) -> PackedBatch:
    """Compute the index of a batch.

    lengths (ndarray): Tokens per document; documents without tokens are left out.
    device (torch.device): Where the index tensors are needed.
    RETURNS (PackedBatch): The index.
    """
    lengths = lengths[lengths > 0].astype(np.int64)
    n_docs, n_tokens = len(lengths), int(lengths.sum())
    rank = np.empty(n_docs, dtype=np.int64)
    rank[np.argsort(-lengths, kind="stable")] = np.arange(n_docs)
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    doc = np.repeat(np.arange(n_docs), lengths)
    step = np.arange(n_tokens) - starts[doc]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(step))])
    to_flat = bounds[step] + rank[doc]
    to_packed = np.empty(n_tokens, dtype=np.int64)
    to_packed[to_flat] = np.arange(n_tokens)
    last = to_flat[starts + lengths - 1] if n_docs else to_flat

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.int64, device=device)

    return PackedBatch(
        to_packed=tensor(to_packed),
        to_flat=tensor(to_flat),
        sizes=np.diff(bounds).tolist(),
        last=tensor(last),
        doc=tensor(doc[to_packed]),
    )
