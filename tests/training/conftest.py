"""Pipelines that train in a second: configs and corpora, in folders with awkward names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import load_model_from_config
from thinc.api import Config


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with train.spacy, dev.spacy and train.cfg, set as the current one."""
    folder = tmp_path / "训练 1"
    folder.mkdir()
    monkeypatch.chdir(folder)
    nlp = spacy.blank("zh")
    docs = DocBin()
    for index in range(20):
        doc = nlp.make_doc("医院排队太差 OK" if index % 2 else "一网通办很好")
        doc.cats = {"s/pos": float(index % 2 == 0), "s/neg": float(index % 2)}
        docs.add(doc)
    for name in ("train", "dev"):
        docs.to_disk(folder / f"{name}.spacy")
    model: dict[str, object] = {
        "exclusive_classes": True,
        "ngram_size": 1,
        "no_output_layer": False,
    }
    model["@architectures"] = "spacy.TextCatBOW.v3"
    nlp.add_pipe("textcat", config={"model": model})
    config = Config(nlp.config)
    config["paths"].update({"train": "train.spacy", "dev": "dev.spacy"})
    config["training"].update({"max_steps": 12, "eval_frequency": 4})
    config["training"]["logger"] = {"@loggers": "spacy.ConsoleLogger.v3", "progress_bar": "train"}
    config.to_disk(folder / "train.cfg")
    return folder


DATA = Path(__file__).parents[1] / "data" / "training"
TEXTS = [
    "一网通办很好",
    "医院排队太差 OK",
    "智慧城市在北京上线",
    "上海地铁真方便",
    "客服 AI 翻来覆去",
]
PLACES = {"北京": "CITY", "上海": "CITY", "医院": "PLACE", "地铁": "PLACE"}


def write_corpus(path: Path, count: int, *, first: int = 0) -> None:
    """Write documents with entities and one exclusive head, no two alike."""
    nlp = spacy.blank("zh")
    docs = DocBin(store_user_data=True)
    for index in range(first, first + count):
        doc = nlp.make_doc(TEXTS[index % len(TEXTS)] + "。好" * (index % 4) + str(index))
        starts = {name: doc.text.find(name) for name in PLACES}
        found = [(i, i + len(n), PLACES[n]) for n, i in starts.items() if i >= 0]
        doc.set_ents([doc.char_span(*span) for span in found])
        doc.cats = {"s/pos": float(index % 2 == 0), "s/neg": float(index % 2)}
        doc.user_data["record"] = {"id": index, "source": "a.jsonl", "line": index + 1}
        docs.add(doc)
    docs.to_disk(path)


@pytest.fixture(scope="session")
def made_project(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Callable[..., Path]
) -> Path:
    folder = tmp_path_factory.mktemp("training")
    write_corpus(folder / "train.spacy", 40)
    write_corpus(folder / "dev.spacy", 12, first=100)
    for name in ("stock", "ours"):
        short = Config().from_disk(DATA / f"{name}.cfg", interpolate=False)
        config = load_model_from_config(short, auto_fill=True).config
        config["paths"]["encoder"] = str(tiny_encoder())
        config["training"].update({"max_steps": 20, "eval_frequency": 5, "patience": 0})
        config.to_disk(folder / f"{name}.cfg", interpolate=False)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_project: Path) -> Path:
    """A folder with corpora and the configs stock.cfg (spaCy's components) and ours.cfg."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made_project, tmp_path, dirs_exist_ok=True)
    return tmp_path
