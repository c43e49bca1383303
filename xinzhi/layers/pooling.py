"""From token vectors to one vector per document, for documents of any length at once."""

from __future__ import annotations

import numpy as np
import torch

from ..errors import XinzhiError
from .linear import HeadLinear

POOLINGS = ("mean", "first", "attention")


def document_index(lengths: np.ndarray, device: torch.device) -> torch.Tensor:
    """RETURNS (Tensor): The number of the document of each token, shape (tokens,)."""
    return torch.as_tensor(np.repeat(np.arange(len(lengths)), lengths), device=device)


def pool_mean(vectors: torch.Tensor, lengths: np.ndarray) -> torch.Tensor:
    """Average the token vectors of each document; a document without tokens gets zeros.

    vectors (Tensor): All tokens, document after document, shape (tokens, width).
    lengths (ndarray): Tokens per document.
    RETURNS (Tensor): Shape (documents, width).
    """
    sums = vectors.new_zeros((len(lengths), vectors.shape[1]))
    sums = sums.index_add(0, document_index(lengths, vectors.device), vectors)
    counts = torch.as_tensor(np.maximum(lengths, 1), device=vectors.device)
    return sums / counts.unsqueeze(1)


def pool_first(vectors: torch.Tensor, lengths: np.ndarray) -> torch.Tensor:
    """Take the first token vector of each document; a document without tokens gets zeros."""
    filled = np.flatnonzero(lengths)
    starts = (np.cumsum(lengths) - lengths)[filled]
    pooled = vectors.new_zeros((len(lengths), vectors.shape[1]))
    rows = torch.as_tensor(filled, device=vectors.device)
    return pooled.index_add(0, rows, vectors[torch.as_tensor(starts, device=vectors.device)])


class Pooling(torch.nn.Module):
    """Pool token vectors.

    n_in (int): Width of the vectors.
    kind (str): "mean"; "first" (token); "attention": a weighted mean, the weights of each document
        a softmax over a learned score of its tokens.
    """

    def __init__(self, n_in: int, kind: str) -> None:
        super().__init__()
        if kind not in POOLINGS:
            raise XinzhiError(f"pooling = {kind!r} is not known.", f"Use {', '.join(POOLINGS)}.")
        self.kind = kind
        self.score = HeadLinear(n_in, 1) if kind == "attention" else None

    def forward(self, vectors: torch.Tensor, lengths: np.ndarray) -> torch.Tensor:
        """RETURNS (Tensor): One vector per document, shape (documents, width)."""
        if self.score is not None:
            return self._attend(vectors, self.score(vectors).squeeze(1), lengths)
        return (pool_first if self.kind == "first" else pool_mean)(vectors, lengths)

    def _attend(
        self, vectors: torch.Tensor, scores: torch.Tensor, lengths: np.ndarray
    ) -> torch.Tensor:
        docs = document_index(lengths, vectors.device)
        top = scores.new_zeros(len(lengths))
        top = top.scatter_reduce(0, docs, scores.detach(), "amax", include_self=False)
        weights = (scores - top[docs]).exp().unsqueeze(1)
        sums = vectors.new_zeros((len(lengths), vectors.shape[1] + 1))
        sums = sums.index_add(0, docs, torch.cat([vectors * weights, weights], 1))
        return sums[:, :-1] / sums[:, -1:].clamp(min=1e-9)
