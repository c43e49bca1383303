"""One update of the weights, in as many parts as the memory asks for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

from spacy.language import Language
from spacy.training.loop import subdivide_batch
from thinc.api import Optimizer

from ..errors import XinzhiError
from .batches import Batch
from .out_of_memory import describe_longest, retry_with_less
from .weights import drop_gradients, trainable_pipes


class Updater:
    """Runs a batch forward and backward, then the optimizer.

    When the memory runs out, the batch is halved: its gradients are computed part by part and
    added up, as spaCy's training.accumulate_gradient does, and later batches are halved too.

    nlp (Language): The pipeline.
    training (dict): The resolved section [training].
    """

    def __init__(self, nlp: Language, training: dict[str, Any]) -> None:
        self.nlp = nlp
        self.optimizer: Optimizer = training["optimizer"]
        self.frozen: list[str] = training["frozen_components"]
        self.annotating: list[str] = training["annotating_components"]
        self.accumulate: int = training["accumulate_gradient"]
        self.halvings = 0
        dropout = training["dropout"]
        self.dropouts: Iterator[float] = (
            repeat(dropout) if isinstance(dropout, float) else iter(dropout)
        )

    def skip(self, steps: int) -> None:
        """Move the schedule of the dropout on, as after so many steps."""
        for _ in range(steps):
            next(self.dropouts)

    def update(self, batch: Batch, losses: dict[str, float], step: int) -> None:
        """Forward and backward; the optimizer is not run.

        batch (list): The examples.
        losses (dict): Component -> loss, added to.
        step (int): For messages.
        RAISES (XinzhiError): A single document does not fit into the memory.
        """
        dropout = next(self.dropouts)
        before = dict(losses)

        def attempt() -> None:
            losses.clear()
            losses.update(before)
            self._run_parts(batch, dropout, losses)

        def halve() -> None:
            drop_gradients(self.nlp)
            self._halve(batch, step)

        retry_with_less(attempt, halve)

    def loss(self, batch: Batch) -> float:
        """RETURNS (float): The loss of a batch, summed over the components; nothing is changed."""
        losses: dict[str, float] = {}
        for part in self.parts(batch):
            self._update(part, 0.0, losses)
        drop_gradients(self.nlp)
        return float(sum(losses.values()))

    def finish(self) -> None:
        """Run the optimizer."""
        for _, pipe in trainable_pipes(self.nlp, self.frozen):
            pipe.finish_update(self.optimizer)
        self.optimizer.step_schedules()

    def parts(self, batch: Batch) -> Iterator[Batch]:
        """RETURNS (Iterator): What goes forward and backward at a time."""
        return subdivide_batch(batch, self.accumulate * 2**self.halvings)

    def _run_parts(self, batch: Batch, dropout: float, losses: dict[str, float]) -> None:
        for part in self.parts(batch):
            self._update(part, dropout, losses)

    def _update(self, part: Batch, dropout: float, losses: dict[str, float]) -> None:
        self.nlp.update(
            part,
            drop=dropout,
            losses=losses,
            sgd=False,  # type: ignore[arg-type]
            exclude=self.frozen,
            annotates=self.annotating,
        )

    def _halve(self, batch: Batch, step: int) -> None:
        fact = f"Out of memory at step {step}, on {describe_longest(batch)}."
        if self.accumulate * 2**self.halvings >= len(batch):
            raise XinzhiError(
                fact,
                "Split or shorten that document, or lower group_pieces in "
                "[components.transformer.model].",
            )
        self.halvings += 1
        print(f"{fact} Batches are halved from here on: {2**self.halvings} parts.", flush=True)
