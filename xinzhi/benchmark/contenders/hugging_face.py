"""transformers alone: its token-classification pipeline, and a plain training loop.

It predicts entities only, no categories: less work than the other contenders do. Without training
its head says "no entity" everywhere, the cheapest answer to read out.
"""

from __future__ import annotations

from pathlib import Path

from ..settings import Paths
from .base import Contender, Predictor, Trainer


def folder(paths: Paths) -> Path:
    """RETURNS (Path): The trained model if there is one."""
    trained = paths.hf / "trained"
    return trained if (trained / "config.json").is_file() else paths.hf / "untrained"


def load(paths: Paths) -> Predictor:
    """RETURNS (Predictor): The token-classification pipeline."""
    from .hf_pipeline import HuggingFacePredictor

    return HuggingFacePredictor(folder(paths))


def train(paths: Paths, documents: int) -> Trainer:
    """RETURNS (Trainer): A fresh head on the encoder."""
    from .hf_training import HuggingFaceTrainer

    return HuggingFaceTrainer(paths, documents)


CONTENDER = Contender("hf", "transformers", folder, load, train)
