"""Pipelines on disk, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy

from xinzhi.serving.runtime import RUNTIME

from ..components.helpers import (
    annotated,
    blank,
    cats_examples,
    cats_of,
    classifier,
    entity_examples,
    tagger,
    train,
)
from .util import rules, saved

MOODS = {"mood": {"labels": ["好", "坏"], "exclusive": True}}


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test has a runtime folder of its own."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setenv(RUNTIME, str(folder))


@pytest.fixture(scope="session")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A blank stock pipeline with rules."""
    return saved(rules(), tmp_path_factory.mktemp("serve") / "rules")


@pytest.fixture(scope="session")
def poisonous(tmp_path_factory: pytest.TempPathFactory) -> str:
    """As `ruled`, with a component that fails on some texts and is slow on others."""
    return saved(rules(poisonous=True), tmp_path_factory.mktemp("serve") / "poisonous")


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained pipeline of ours: entities with confidence, heads."""
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}), ("xinzhi_cats", {"model": classifier()}))
    train(nlp, [*entity_examples(nlp), *cats_examples(nlp)], steps=30)
    return saved(nlp, tmp_path_factory.mktemp("serve") / "ours")


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained stock pipeline: ner and textcat on a shared tok2vec."""
    nlp = blank("zh", ("tok2vec", {}), ("ner", {}), ("textcat", {}))
    texts = [("地铁又晚点了。", "坏"), ("医生很耐心。", "好")]
    moods = [annotated(nlp, text, cats=cats_of({"mood": mood}, MOODS)) for text, mood in texts]
    train(nlp, [*entity_examples(nlp), *moods], steps=5)
    return saved(nlp, tmp_path_factory.mktemp("serve") / "stock")


@pytest.fixture(scope="session")
def encoder_pipeline(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Callable[..., Path]
) -> str:
    """A pipeline with our shared encoder."""
    nlp = spacy.blank("zh")
    model = {"@architectures": "xinzhi.Encoder.v1", "name": str(tiny_encoder()), "trim": False}
    nlp.add_pipe("transformer", config={"model": model})
    nlp.initialize()
    return saved(nlp, tmp_path_factory.mktemp("serve") / "encoder")
