"""Our pipeline, as configs/smartcity.cfg trains it."""

from __future__ import annotations

from pathlib import Path

from ..settings import Paths
from .base import Contender, Predictor, Trainer


def folder(paths: Paths) -> Path:
    """RETURNS (Path): The trained pipeline."""
    return paths.ours


def load(paths: Paths) -> Predictor:
    """RETURNS (Predictor): The trained pipeline."""
    from .spacy_pipeline import SpacyPredictor

    return SpacyPredictor(paths.ours)


def train(paths: Paths, documents: int) -> Trainer:
    """RETURNS (Trainer): A fresh pipeline from our config, in a process set up as `xinzhi train`
    sets it up."""
    from ...training.device import use_device
    from ...training.memory import return_freed_memory
    from .our_training import OurTrainer

    use_device(-1)
    return_freed_memory()
    return OurTrainer(paths, documents)


CONTENDER = Contender("ours", "xinzhi", folder, load, train)
