"""The documents and batches of a training config, the same for every contender."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.util import load_config, registry, resolve_dot_names
from thinc.api import Config

from ..settings import Paths

Batcher = Callable[[Iterable[Example]], Iterator[list[Example]]]


def read_config(path: Path, paths: Paths) -> Config:
    """RETURNS (Config): A training config on the benchmark's corpora and encoder."""
    overrides = {
        "paths.train": str(paths.train),
        "paths.dev": str(paths.dev),
        "paths.encoder": str(paths.encoder),
    }
    return load_config(path, overrides=overrides, interpolate=False)


def training_settings(nlp: Language, batch_size: int | None = None) -> dict[str, Any]:
    """Resolve the [training] block.

    nlp (Language): A pipeline made from a training config.
    batch_size (int): Instead of the size in [training.batcher].
    RETURNS (dict): Setting -> value or function.
    """
    config = nlp.config.interpolate()["training"]
    if batch_size is not None:
        config["batcher"]["size"] = batch_size
    return registry.resolve(config, schema=ConfigSchemaTraining)


def configured_batch_size(nlp: Language) -> int:
    """RETURNS (int): The size in [training.batcher]; 0 if it is a schedule or has another name."""
    size = nlp.config.interpolate()["training"]["batcher"].get("size")
    return size if isinstance(size, int) else 0


def read_examples(nlp: Language, settings: dict[str, Any], documents: int) -> list[Example]:
    """RETURNS (list): The first documents of the training corpus, 0: all."""
    config = nlp.config.interpolate()
    (corpus,) = resolve_dot_names(config, [settings["train_corpus"]])
    return list(islice(corpus(nlp), documents or None))


def shuffled(examples: list[Example], seed: int) -> list[Example]:
    """RETURNS (list): The examples in an order that depends on the seed alone."""
    order = list(examples)
    random.Random(seed).shuffle(order)
    return order
