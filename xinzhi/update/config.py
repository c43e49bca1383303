"""The config that trains a pipeline further: its own, with its components as the starting point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.util import registry
from thinc.api import Config

from ..training.continuation import encoders
from ..training.dev_annotation import has_annotation
from .data import Data
from .options import Options

RATE, TRANSFORMER_RATE = 1.5e-3, 2e-5
EVALUATIONS = 3
OURS_IN_PIECES = "xinzhi.BatchByPieces.v1"


def build_config(nlp: Language, data: Data, train: Path, dev: Path, options: Options) -> Config:
    """Make the training config of an update.

    nlp (Language): The old pipeline, loaded from a folder.
    data (Data): What it learns.
    train, dev (Path): Training texts, and those to watch the training by.
    options (Options): The settings.
    RETURNS (Config): For `xinzhi train`.
    """
    config = Config(nlp.config).copy()
    source = str(Path(str(nlp.path)).absolute())
    config["paths"] |= {"train": str(train), "dev": str(dev)}
    config["corpora"] = {"train": _reader("train"), "dev": _reader("dev")}
    config["components"] = {name: {"source": source} for name in nlp.component_names}
    config["initialize"] = {
        "vectors": source if nlp.vocab.vectors.n_keys > 0 else None,
        "after_init": _continuation(data, source, options),
    }
    training = config["training"]
    training["batcher"] = _batcher(training["batcher"])
    steps = count_steps(training["batcher"], data, options.epochs)
    training |= {
        "train_corpus": "corpora.train",
        "dev_corpus": "corpora.dev",
        "seed": options.seed,
        "max_steps": steps,
        "max_epochs": 0,
        "patience": 0,
        "eval_frequency": max(1, -(-steps // EVALUATIONS)),
        "score_weights": _weights(training["score_weights"], data),
    }
    training["optimizer"]["learn_rate"] = {
        "@schedules": "warmup_linear.v1",
        "warmup_steps": max(1, steps // 10),
        "total_steps": steps,
        "initial_rate": options.learn_rate or default_rate(nlp),
    }
    return config


def default_rate(nlp: Language) -> float:
    """RETURNS (float): The highest learning rate; low for a transformer that has no scale of its
    own."""
    factories = {nlp.get_pipe_meta(name).factory for name in nlp.component_names}
    return TRANSFORMER_RATE if "transformer" in factories and not encoders(nlp) else RATE


def count_steps(batcher: dict[str, Any], data: Data, epochs: int) -> int:
    """RETURNS (int): How many batches so many passes over the training texts make."""
    make_batches = registry.resolve({"batcher": batcher})["batcher"]
    batches = make_batches(iter([Example(doc, doc) for doc in data.train]))
    return epochs * max(1, sum(1 for _ in batches))


def _reader(name: str) -> dict[str, Any]:
    return {
        "@readers": "spacy.Corpus.v1",
        "path": f"${{paths.{name}}}",
        "gold_preproc": False,
        "max_length": 0,
        "limit": 0,
        "augmenter": None,
    }


def _continuation(data: Data, source: str, options: Options) -> dict[str, Any]:
    return {
        "@callbacks": "xinzhi.Continue.v1",
        "pipeline": source,
        "entities": data.new.entities,
        "cats": data.new.cats,
        "heads": [list(head) for head in data.new.heads],
        "encoder_scale": options.encoder_scale,
        "frozen_layers": options.frozen_layers,
        "distillation": options.distillation,
    }


def _batcher(batcher: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict): The batcher; one that needs the encoder's folder, which may be gone, is
    replaced by spaCy's own."""
    if batcher.get("@batchers") != OURS_IN_PIECES:
        return batcher
    return {
        "@batchers": "spacy.batch_by_padded.v1",
        "size": batcher["size"],
        "buffer": batcher["buffer"],
        "discard_oversize": batcher["discard_oversize"],
        "get_length": None,
    }


def _weights(weights: dict[str, float | None], data: Data) -> dict[str, float | None]:
    """RETURNS (dict): The weights of the scores that the texts are annotated for."""
    docs = data.test or data.train
    known = {n for n in weights if any(has_annotation(doc, n) for doc in docs)}
    return {name: weight if name in known else None for name, weight in weights.items()}
