"""The stream of training batches: spaCy's order, with a position that can be saved."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from spacy.errors import Errors
from spacy.language import Language
from spacy.training import Example

from ..errors import XinzhiError
from .random_state import python_state, random_state, set_python_state, set_random_state

Batch = list[Example]


class BatchStream:
    """Batches epoch after epoch, the same as from spaCy's `create_train_batches`.

    A position is what is needed to make the current epoch again (the state of Python's generator
    and the order of the examples when it began, the state of the schedules of the batcher) and the
    number of its batches that have been used.

    nlp (Language): The pipeline.
    corpus (Callable): Reads the training corpus.
    batcher (Callable): Makes batches of examples.
    max_epochs (int): 0 for no end, -1 to stream the corpus without shuffling.
    whole_epochs (bool): Make all batches of an epoch at its start, so that `epoch_ends` is known.
    apart (bool): Keep the state of Python's generator apart from what draws from it between two
        batches, so that several processes that do different work draw the same batches.

    epoch_ends (bool): Whether the current batch is the last one of its epoch.
    """

    epoch_ends = False

    def __init__(
        self,
        nlp: Language,
        corpus: Callable[[Language], Iterable[Example]],
        batcher: Callable[[Iterable[Example]], Iterable[Batch]],
        max_epochs: int,
        whole_epochs: bool = False,
        apart: bool = False,
    ) -> None:
        if whole_epochs and max_epochs < 0:
            raise XinzhiError(
                "run.evaluate_every_epoch needs epochs, but training.max_epochs = -1 streams the "
                "corpus.",
                "Set training.max_epochs to 0 or more, or use training.eval_frequency.",
            )
        self.nlp = nlp
        self.corpus = corpus
        self.schedules = count_schedules(batcher)
        self.batcher = batcher
        self.max_epochs = max_epochs
        self.whole_epochs = whole_epochs
        self.apart = apart
        self.examples: list[Example] = []
        self.epoch = 0
        self._reading: list[Any] = []
        self._own_state: list[Any] = []
        self._epoch_start: dict[str, Any] = {"order": []}
        self._used = 0
        self._batches = 0

    def position(self) -> dict[str, Any]:
        """RETURNS (dict): Where the stream is, fit for JSON."""
        here: dict[str, Any] = {"reading": self._reading, "epoch": self.epoch, "used": self._used}
        here["random"] = random_state()
        if self.apart:
            here["random"]["python"] = self._own_state
        return {**self._epoch_start, **here}

    def batches(self, position: dict[str, Any] | None = None) -> Iterator[tuple[int, Batch]]:
        """Read the corpus and make batches.

        position (dict): What `position` returned, to go on from there.
        YIELDS (tuple): Number of the epoch, and a batch.
        """
        self._read(position)
        while self.max_epochs < 1 or self.epoch != self.max_epochs:
            batches = self._rest_of_epoch(position) if position else self._new_epoch()
            position = None
            for batch in batches:
                self._used += 1
                self.epoch_ends = self.whole_epochs and self._used == self._batches
                if self.apart:
                    self._own_state = python_state()
                yield self.epoch, batch
                if self.apart:
                    set_python_state(self._own_state)
            self.epoch += 1

    def _read(self, position: dict[str, Any] | None) -> None:
        if position:
            set_python_state(position["reading"])
        self._reading = python_state()
        if self.max_epochs >= 0:
            self.examples = list(self.corpus(self.nlp))
            self._epoch_start["order"] = list(range(len(self.examples)))
            if not self.examples:
                raise ValueError(Errors.E986)

    def _new_epoch(self) -> Iterator[Batch]:
        order = self._epoch_start["order"]
        if self.max_epochs >= 0:
            random.shuffle(order)
        schedules = [schedule.used for schedule in self.schedules]
        self._epoch_start = {"order": order, "python": python_state(), "schedules": schedules}
        self._used = 0
        return self._make_batches()

    def _rest_of_epoch(self, position: dict[str, Any]) -> Iterator[Batch]:
        """Make an epoch again, drop the batches that have been used."""
        self.epoch, self._used = position["epoch"], position["used"]
        self._epoch_start = {name: position[name] for name in ("order", "python", "schedules")}
        for schedule, used in zip(self.schedules, position["schedules"], strict=True):
            schedule.advance(used)
        set_python_state(position["python"])
        batches = self._make_batches()
        for _ in islice(batches, self._used):
            pass
        set_random_state(position["random"])
        return batches

    def _make_batches(self) -> Iterator[Batch]:
        batches = self.batcher(self._epoch_examples())
        if self.whole_epochs:
            batches = list(batches)
            self._batches = len(batches)
        return iter(batches)

    def _epoch_examples(self) -> Iterable[Example]:
        if self.max_epochs < 0:
            return self.corpus(self.nlp)
        return [self.examples[i] for i in self._epoch_start["order"]]


class CountedSchedule:
    """A schedule, such as a growing batch size, that knows how many values it has given."""

    def __init__(self, schedule: Iterator[Any]) -> None:
        self.schedule = schedule
        self.used = 0

    def __iter__(self) -> CountedSchedule:
        return self

    def __next__(self) -> Any:
        self.used += 1
        return next(self.schedule)

    def advance(self, used: int) -> None:
        """Go on until that many values have been given."""
        while self.used < used:
            next(self)


def count_schedules(batcher: Callable) -> list[CountedSchedule]:
    """Have the schedules among a batcher's settings counted. All of spaCy's batchers are partials.

    RETURNS (list): The schedules, now counted.
    """
    if not isinstance(batcher, partial):
        return []
    found = {k: CountedSchedule(v) for k, v in batcher.keywords.items() if isinstance(v, Iterator)}
    batcher.keywords.update(found)
    return list(found.values())
