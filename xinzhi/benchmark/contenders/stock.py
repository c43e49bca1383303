"""The plain spaCy pipeline of configs/stock.cfg."""

from __future__ import annotations

from pathlib import Path

from ..settings import Paths
from .base import Contender, Predictor, Trainer


def folder(paths: Paths) -> Path:
    """RETURNS (Path): The pipeline."""
    return paths.stock


def load(paths: Paths) -> Predictor:
    """RETURNS (Predictor): The pipeline."""
    from .spacy_pipeline import SpacyPredictor

    return SpacyPredictor(paths.stock)


def train(paths: Paths, documents: int) -> Trainer:
    """RETURNS (Trainer): A fresh pipeline from the stock config, with larger batches to choose."""
    from .spacy_training import LARGER_BATCHES, SpacyTrainer
    from .training_data import read_config

    return SpacyTrainer(read_config(paths.stock_config, paths), documents, LARGER_BATCHES)


CONTENDER = Contender("stock", "stock spaCy", folder, load, train)
