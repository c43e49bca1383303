from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from xinzhi.apps.recommend.hybrid import Settings
from xinzhi.apps.recommend.recommender import Recommender
from xinzhi.apps.recommend.records import Events, Item, read_events, read_items
from xinzhi.apps.recommend.towers import TowerSettings

SAMPLE = Path(__file__).parents[3] / "assets" / "recommend"
QUICK = Settings(TowerSettings(steps=30, batch_size=64, negatives=32))


def encode(texts: Sequence[str]) -> np.ndarray:
    """An encoder without weights: every character has a random direction."""
    vectors = np.zeros((len(texts), 32), dtype="float32")
    for row, text in enumerate(texts):
        for char in text:
            seed = zlib.crc32(char.encode("utf8"))
            vectors[row] += np.random.default_rng(seed).normal(size=32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def items() -> list[Item]:
    return read_items(SAMPLE / "items.jsonl")


@pytest.fixture(scope="session")
def events(items: list[Item]) -> Events:
    return read_events(SAMPLE / "events.jsonl", items)


@pytest.fixture(scope="session")
def model(items: list[Item], events: Events) -> Recommender:
    return Recommender.train(items, events, encode, QUICK)
