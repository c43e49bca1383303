"""A project in small: encoder, corpora, both pipelines (random heads), a transformers model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp

from xinzhi.benchmark.contenders.training_data import read_config
from xinzhi.benchmark.settings import Paths

CONFIGS = Path(__file__).parents[2] / "configs"
TEXTS = [
    "智慧城市建设稳步推进，城市大脑服务市民。",
    "一网通办真方便，智能客服就一句话。",
    "AI导诊走进社区。",
    "电子台账一键生成，效率提升三成。",
]


def make_corpus(path: Path, copies: int) -> None:
    """Write documents with an entity at the start, a topic and a sentiment."""
    nlp, docs = spacy.blank("zh"), []
    for i, text in enumerate(TEXTS * copies):
        doc: Doc = nlp.make_doc(text)
        span = doc.char_span(0, 4, label="服务" if i % 2 else "技术")
        doc.set_ents([span] if span else [])
        doc.cats = {"topic/a": float(i % 2), "topic/b": float(1 - i % 2), "sentiment/好": 1.0}
        doc.cats["sentiment/差"] = 0.0
        docs.append(doc)
    DocBin(docs=docs).to_disk(path)


@pytest.fixture(scope="session")
def paths(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Callable[..., Path]) -> Paths:
    """The files of the project."""
    root = tmp_path_factory.mktemp("项目")
    paths = Paths(
        ours=root / "ours",
        stock=root / "stock",
        hf=root / "hf",
        encoder=tiny_encoder(),
        ours_config=CONFIGS / "smartcity.cfg",
        stock_config=CONFIGS / "stock.cfg",
        train=root / "train.spacy",
        dev=root / "dev.spacy",
        test=root / "test.spacy",
        wheels=root / "wheels",
    )
    for corpus, copies in ((paths.train, 4), (paths.dev, 1), (paths.test, 1)):
        make_corpus(corpus, copies)
    return paths


@pytest.fixture(scope="session")
def ours(paths: Paths) -> Path:
    """Our pipeline, initialised but not trained."""
    init_nlp(read_config(paths.ours_config, paths)).to_disk(paths.ours)
    return paths.ours


@pytest.fixture(scope="session")
def stock(paths: Paths) -> Path:
    """The stock pipeline, initialised but not trained."""
    init_nlp(read_config(paths.stock_config, paths)).to_disk(paths.stock)
    return paths.stock
