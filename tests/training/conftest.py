"""A pipeline that trains in a second: config and corpora, in a folder with an awkward name."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
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
