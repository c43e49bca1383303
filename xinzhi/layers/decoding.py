"""From tag scores to entities with probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from . import bioes, crf, crf_numpy
from .packed import pack


@dataclass(frozen=True)
class Entities:
    """The entities of a batch, document by document.

    doc (ndarray): Number of the document, shape (entities,).
    spans (ndarray): First token, end and label number, shape (entities, 3).
    probs (ndarray): Probability of each label for these boundaries, shape (entities, labels).
    """

    doc: np.ndarray
    spans: np.ndarray
    probs: np.ndarray

    @property
    def confidence(self) -> np.ndarray:
        """RETURNS (ndarray): Probability of the entity, shape (entities,)."""
        return self.probs[np.arange(len(self.spans)), self.spans[:, 2]]

    def keep(self, which: np.ndarray) -> Entities:
        """RETURNS (Entities): Those with a true value in `which`."""
        return Entities(self.doc[which], self.spans[which], self.probs[which])


def no_entities(n_labels: int) -> Entities:
    """RETURNS (Entities): None at all."""
    return Entities(
        np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.int64), np.zeros((0, n_labels))
    )


@dataclass(frozen=True)
class TagScores:
    """What a tagger says about a batch.

    scores (Tensor): Tag scores in flat order, shape (tokens, tags).
    transitions (Tensor): Transition scores, shape (tags + 1, tags + 1).
    lengths (ndarray): Tokens per document.
    allowed (ndarray): The tags each token may have, shape (tokens, tags); None for all.
    """

    scores: torch.Tensor
    transitions: torch.Tensor
    lengths: np.ndarray
    allowed: np.ndarray | None = None


def decode(tagged: TagScores, *, temperature: float = 1.0) -> Entities:
    """Find the best legal tag sequence of each document and the probability of its entities.

    tagged (TagScores): The batch.
    temperature (float): All scores are divided by it: above 1, confidences are lower. The entities
        stay the same.
    RETURNS (Entities): The entities.
    """
    scores, lengths = tagged.scores.cpu(), tagged.lengths
    n_labels = (scores.shape[1] - 1) // 4
    batch = pack(lengths, scores.device)
    packed = scores[batch.to_packed].T.contiguous() / temperature
    transitions = tagged.transitions.cpu() / temperature
    mask = None
    if tagged.allowed is not None:
        mask = torch.as_tensor(tagged.allowed)[batch.to_packed].T
        packed = packed.masked_fill(~mask, crf.ILLEGAL / temperature)
    tags = crf_numpy.viterbi(packed.numpy(), transitions.numpy(), batch.sizes)
    spans = bioes.tags_to_spans(tags[batch.to_flat.numpy()], n_labels)
    if not len(spans):
        return no_entities(n_labels)
    lattice, beta = crf.predict(packed, transitions, batch, mask)
    starts, ends_inclusive = torch.as_tensor(spans[:, 0]), torch.as_tensor(spans[:, 1] - 1)
    log_probs = crf.span_log_probs(lattice, beta, batch, starts, ends_inclusive)
    ends = np.cumsum(lengths)
    doc = np.searchsorted(ends, spans[:, 0], side="right")
    spans[:, :2] -= (ends - lengths)[doc][:, None]
    return Entities(doc, spans, log_probs.exp().numpy())
