"""One update by several processes: each takes its part of the batch, the gradients are added up."""

from __future__ import annotations

from typing import Any

import torch
from spacy.language import Language
from thinc.api import fix_random_seed

from ..batches import Batch
from ..out_of_memory import is_out_of_memory
from ..update import Updater
from ..weights import trainable_pipes
from .gradients import exchange
from .group import Group
from .shares import count, counted_losses, part_of, shares_of, with_shares


class SharedUpdater(Updater):
    """An updater of one of several processes. All have the whole batch.

    Dropout is drawn anew at every step, from the seed, the step and the number of the process: a
    training that is resumed draws the same again, and no process draws what another does.

    nlp (Language): The pipeline.
    training (dict): The resolved section [training].
    group (Group): The processes.
    seed (int): The same in all of them.
    """

    def __init__(self, nlp: Language, training: dict[str, Any], group: Group, seed: int) -> None:
        super().__init__(nlp, training)
        self.group = group
        self.seed = seed

    def update(self, batch: Batch, losses: dict[str, float], step: int) -> None:
        """As `Updater.update`: losses are those of the whole batch, gradients of the own part."""
        fix_random_seed(step_seed(self.seed, step, self.group.rank))
        super().update(batch, losses, step)

    def exchange(self) -> None:
        """Add up the gradients of all processes."""
        exchange(self.nlp, self.frozen, self.group)

    def _run_parts(self, batch: Batch, dropout: float, losses: dict[str, float]) -> None:
        """Nothing is said to the others between the first part and the last: if memory runs out in
        one process, all of them do the batch again."""
        parts = [part_of(part, self.group) for part in self.parts(batch)]
        counted = counted_losses(self.nlp, self.frozen)
        own = count(counted, parts)
        shares = shares_of(own, self.group.sum(own.clone()))
        found: dict[str, float] = {}
        ran_out = False
        try:
            for part, row in zip(parts, shares, strict=True):
                with with_shares(counted, row):
                    self._update(part, dropout, found)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            ran_out = True
        if self.group.any(ran_out):
            raise MemoryError("One of the processes has run out of memory.")
        names = [name for name, _ in trainable_pipes(self.nlp, self.frozen)]
        values = torch.tensor([float(found.get(name, 0.0)) for name in names], dtype=torch.float64)
        for name, value in zip(names, self.group.sum(values).tolist(), strict=True):
            losses[name] = losses.get(name, 0.0) + value


def step_seed(seed: int, step: int, rank: int) -> int:
    """RETURNS (int): A seed for a step of a process, below 2 ** 32, unlike those near to it."""
    mixed = (seed * 1_000_003 + step + 1) * 1_000_033 + rank
    return (mixed * 2_654_435_761 + 12_345) % 2**32
