"""Shared fixtures and the --slow / --gpu switches."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # read when NumPy and torch are first imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from .util import make_tiny_encoder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run slow tests too")
    parser.addoption("--gpu", action="store_true", help="run GPU tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for name in ("slow", "gpu"):
        if not config.getoption(f"--{name}"):
            skip = pytest.mark.skip(reason=f"needs --{name}")
            for item in items:
                if name in item.keywords:
                    item.add_marker(skip)


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """What a test draws must not depend on the tests before it."""
    random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function (kind="unigram", seed=0) -> folder of a tiny random encoder, made once."""
    made: dict[tuple[str, int], Path] = {}

    def make(kind: str = "unigram", seed: int = 0) -> Path:
        if (kind, seed) not in made:
            folder = tmp_path_factory.mktemp("encoder") / f"{kind}-{seed}"
            made[kind, seed] = make_tiny_encoder(folder, kind, seed=seed)
        return made[kind, seed]

    return make


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Callable[..., Path]) -> Path:
    """A folder with a small trained pipeline and corpora with labels that it knows or not."""
    from .small import make_small_project

    return make_small_project(tmp_path_factory.mktemp("small"), tiny_encoder())
