"""Training of any spaCy config, in spaCy's own loop without its evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train_while_improving
from thinc.api import Config

from .training_data import configured_batch_size, read_examples, shuffled, training_settings

if TYPE_CHECKING:
    import torch

NEVER = 10**9
LARGER_BATCHES = (4, 8)  # times the config's; an optimiser's cost is per update, not per document


class SpacyTrainer:
    """See `Trainer`. The pipeline is initialised on the whole corpus.

    config (Config): A training config.
    documents (int): Documents per epoch, 0: all.
    larger (tuple): Batch sizes to choose from besides the config's, as multiples of it.
    """

    def __init__(self, config: Config, documents: int, larger: tuple[int, ...] = ()) -> None:
        self.nlp = init_nlp(config)
        self.batch_size = configured_batch_size(self.nlp)
        multiples = (1, *larger) if self.batch_size else (1,)
        self.batch_sizes = tuple(self.batch_size * n for n in multiples)
        self._resolved: dict[int, dict[str, Any]] = {}
        self.optimizer = self.settings["optimizer"]
        self.examples = read_examples(self.nlp, self.settings, documents)
        self.documents = len(self.examples)
        self.characters = sum(len(eg.reference.text) for eg in self.examples)
        self._epochs = 0

    @property
    def torch_encoder(self) -> torch.nn.Module:
        return self.nlp.get_pipe("transformer").model.transformer  # type: ignore[attr-defined]

    @property
    def settings(self) -> dict[str, Any]:
        """RETURNS (dict): [training] with the batch size in use; a batcher may keep what it has
        counted, so each is made once."""
        if self.batch_size not in self._resolved:
            resolved = training_settings(self.nlp, self.batch_size or None)
            self._resolved[self.batch_size] = resolved
        return self._resolved[self.batch_size]

    def epoch(self) -> int:
        settings = self.settings
        updates = train_while_improving(
            self.nlp,
            self.optimizer,
            self.batches(),
            lambda: (0.0, {}),
            dropout=settings["dropout"],
            eval_frequency=NEVER,
            accumulate_gradient=settings["accumulate_gradient"],
            patience=0,
            max_steps=0,
            exclude=settings["frozen_components"],
            annotating_components=settings["annotating_components"],
            before_update=settings["before_update"],
        )
        return sum(1 for _ in updates)

    def batches(self) -> Iterator[tuple[int, list[Example]]]:
        """YIELDS (tuple): Number of the epoch, and a batch; every document once."""
        self._epochs += 1
        for batch in self.settings["batcher"](shuffled(self.examples, self._epochs)):
            yield self._epochs, batch
