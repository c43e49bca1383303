"""Parts of a batch, and the share of each in the loss of the whole.

A head's loss is a mean: over the annotated tokens of a batch, or over the documents annotated for
it. The mean over a part times the part's share of them, summed over the parts, is the mean over the
whole batch; so is the gradient. spaCy's own components sum their gradients over the batch, and need
no share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch
from spacy.language import Language
from spacy.training import Example

from ..batches import Batch
from ..weights import trainable_pipes
from .group import Group

Item = TypeVar("Item")


class Counted(Protocol):
    """What has a loss that is a sum of means.

    shares (dict): Name of a mean -> factor on it; 1 if it is not there.
    """

    shares: dict[str, float]

    def loss_counts(self, examples: list[Example]) -> dict[str, float]:
        """RETURNS (dict): Name of a mean -> number of items it is taken over. The same names in
        the same order for any batch."""


def part_of(batch: Sequence[Item], group: Group) -> list[Item]:
    """RETURNS (list): What a process takes of a batch. It is sorted by length, so that neighbours
    go to different processes: all have about the same work."""
    return list(batch[group.rank :: group.size])


def counted_losses(nlp: Language, frozen: list[str]) -> list[Counted]:
    """RETURNS (list): Everything in a pipeline that learns from means."""
    found: list[Counted] = []
    for _, pipe in trainable_pipes(nlp, frozen):
        extra = [node.attrs.get("extra_gradient") for node in pipe.model.walk()]
        found += [item for item in (pipe, *extra) if hasattr(item, "loss_counts")]
    return found


def count(counted: Iterable[Counted], parts: Iterable[Batch]) -> torch.Tensor:
    """RETURNS (Tensor): Items of each mean in each part of a batch, shape (parts, means)."""
    counted = list(counted)
    rows = [[n for item in counted for n in item.loss_counts(part).values()] for part in parts]
    return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), -1)


def shares_of(own: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """RETURNS (Tensor): Share of the items; 1 where there is none in the whole batch."""
    return torch.where(whole > 0, own / whole.clamp(min=1), torch.ones_like(own))


@contextmanager
def with_shares(counted: Iterable[Counted], shares: torch.Tensor) -> Iterator[None]:
    """Within this context the losses have these shares, one after the other as `count` has them."""
    counted, values = list(counted), iter(shares.tolist())
    for item in counted:
        item.shares = {name: next(values) for name in item.loss_counts([])}
    try:
        yield
    finally:
        for item in counted:
            item.shares = {}
