"""Training of our config, in the steps of `xinzhi train`: those of spaCy, and what it measures."""

from __future__ import annotations

from thinc.api import Config

from ...training.update import Updater
from ...training.weights import gradient_norm
from ..settings import Paths
from .spacy_training import LARGER_BATCHES, SpacyTrainer
from .training_data import read_config


class OurTrainer(SpacyTrainer):
    """See `Trainer`.

    paths (Paths): Config, corpora and encoder.
    documents (int): Documents per epoch, 0: all.
    """

    def __init__(self, paths: Paths, documents: int) -> None:
        config = all_layers_free(read_config(paths.ours_config, paths))
        super().__init__(config, documents, LARGER_BATCHES)

    def epoch(self) -> int:
        settings, step = self.settings, -1
        updater = Updater(self.nlp, settings)
        for step, (epoch, batch) in enumerate(self.batches()):
            if settings["before_update"]:
                settings["before_update"](self.nlp, {"step": step, "epoch": epoch})
            updater.update(batch, {}, step)
            gradient_norm(self.nlp, settings["frozen_components"])
            updater.finish()
        return step + 1


def all_layers_free(config: Config) -> Config:
    """Where layers are freed one by one, measure what a step costs when all of them learn.

    RETURNS (Config): The same config otherwise.
    """
    encoder = config["components"].get("transformer", {}).get("model", {})
    if encoder.get("unfreeze_every"):
        encoder["frozen_layers"] = encoder["unfreeze_every"] = 0
    return config
