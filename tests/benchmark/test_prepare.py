"""What a run makes itself: a stock pipeline with random heads, a transformers model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xinzhi.benchmark.contenders import CONTENDERS
from xinzhi.benchmark.contenders.hf_pipeline import HuggingFacePredictor
from xinzhi.benchmark.contenders.spacy_pipeline import SpacyPredictor
from xinzhi.benchmark.prepare import make_pipelines
from xinzhi.benchmark.progress import Progress
from xinzhi.benchmark.session import Session
from xinzhi.benchmark.settings import Paths, Settings


class Here(Session):
    """A session whose processes are this one."""

    @contextmanager
    def worker(self, name: str, make: Callable, *args: Any) -> Iterator[Any]:
        yield make(*args)


def prepared(paths: Paths, **settings: Any) -> Session:
    return make_pipelines(Here(Settings(paths=paths, **settings), {}, Progress(False)))


def test_stock_with_random_heads(paths: Paths, tmp_path: Path) -> None:
    best = tmp_path / "stock" / "model-best"
    session = prepared(replace(paths, stock=best, hf=tmp_path / "hf"), build_stock=True)
    assert session.paths.stock == tmp_path / "stock" / "untrained"
    predictor = SpacyPredictor(session.paths.stock)
    assert not predictor.trained
    assert predictor.nlp.pipe_names[:2] == ["transformer", "ner"]
    assert not best.exists()


def test_a_stock_pipeline_that_is_there_is_kept(paths: Paths, stock: Path, tmp_path: Path) -> None:
    session = prepared(replace(paths, hf=tmp_path / "hf"), build_stock=True)
    assert session.paths.stock == stock


def test_transformers_model(paths: Paths, tmp_path: Path) -> None:
    mine = replace(paths, hf=tmp_path / "hf")
    prepared(mine)
    assert CONTENDERS["hf"].folder(mine) == tmp_path / "hf" / "untrained"
    predictor = HuggingFacePredictor(tmp_path / "hf" / "untrained")
    assert not predictor.trained
    assert list(predictor.stream(["一网通办真方便"])) == [[]], "no entity everywhere"
    prepared(mine, fit_hf=1)
    assert CONTENDERS["hf"].folder(mine) == tmp_path / "hf" / "trained"
    trained = tmp_path / "hf" / "trained" / "model.safetensors"
    before = trained.stat().st_mtime_ns
    prepared(mine)
    assert trained.stat().st_mtime_ns == before, "a trained model is kept"


@pytest.mark.parametrize("only", [("train",)])
def test_training_alone_needs_no_pipeline(paths: Paths, tmp_path: Path, only: tuple) -> None:
    prepared(replace(paths, hf=tmp_path / "hf"), only=only)
    assert not (tmp_path / "hf").exists()
