"""A pipeline measured on this machine, its copy with the settings, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
import torch
from spacy.tokens import DocBin
from spacy.training import Example
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.components.threads import configure_threads
from xinzhi.errors import XinzhiError
from xinzhi.optimization.config import precision_settings
from xinzhi.optimization.optimize import Options, optimize, precisions, reset

MakeEncoder = Callable[..., Path]
TEXTS = ["一网通办很好", "医院排队太差 OK", "智慧城市在北京上线"]
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
QUICK = Options(rounds=2, characters=20)


@pytest.fixture
def folder(tiny_encoder: MakeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a trained pipeline and a dev corpus."""
    monkeypatch.chdir(tmp_path)
    nlp = spacy.blank("zh")
    model = {"@architectures": "xinzhi.Encoder.v1", "name": str(tiny_encoder())}
    nlp.add_pipe("transformer", config={"model": model})
    head = {"@architectures": "xinzhi.DocClassifier.v1", "tok2vec": LISTENER}
    nlp.add_pipe("xinzhi_cats", config={"model": head})
    docs = []
    for number, text in enumerate(TEXTS):
        doc = nlp.make_doc(text)
        doc.cats = {"s/a": float(number % 2), "s/b": 1.0 - number % 2}
        docs.append(doc)
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc) for doc in docs])
    nlp.to_disk("模型")
    DocBin(docs=docs).to_disk("dev.spacy")
    return tmp_path


def test_a_copy_with_the_chosen_settings_and_the_way_back(folder: Path) -> None:
    threads = torch.get_num_threads()
    before = (folder / "模型" / "config.cfg").read_bytes()
    record = optimize("模型", "dev.spacy", "快", QUICK)
    assert (folder / "模型" / "config.cfg").read_bytes() == before
    assert torch.get_num_threads() == threads
    assert {row["value"] for row in record["settings"]["precision"]} == set(precisions())
    assert all(row["characters_per_second"] > 0 for row in record["settings"]["batch_size"])
    assert record["scores"]["fp32"].keys() == {"s F1"}
    assert record["machine"]["versions"]["torch"]
    loaded, chosen = spacy.load("快"), record["chosen"]
    assert loaded.batch_size == chosen["batch_size"]
    assert (
        loaded.config["components"]["transformer"]["model"]["predict_precision"]
        == (chosen["precision"])
    )
    assert loaded.config["nlp"]["before_creation"]["threads"] == chosen["threads"]
    assert loaded.get_pipe_meta("transformer").factory == "xinzhi_encoder"
    assert set(record["cold_start"]) == {"before", "after"}
    assert json.loads(Path("快/optimized.json").read_text(encoding="utf8")) == record
    assert reset("快")["nlp.before_creation"] is None
    plain = spacy.load("模型")
    for text in ["一网通办 OK", "", "长" * 300]:
        assert loaded(text).cats == pytest.approx(plain(text).cats, abs=0.02)
    assert spacy.load("快").config == plain.config
    with pytest.raises(XinzhiError, match=r"has no optimized\.json"):
        reset("快")


def test_a_pipeline_without_our_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nlp = spacy.blank("zh")
    doc = nlp.make_doc("一网通办真好")
    doc.set_ents([doc.char_span(0, 4, label="X")])
    DocBin(docs=[doc]).to_disk("dev.spacy")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "X", "pattern": "一网通办"}])  # type: ignore[attr-defined]
    nlp.to_disk("模型")
    result = CliRunner().invoke(
        app, ["optimize", "模型", "dev.spacy", "-o", "快", "--rounds", "1", "--json", "快.json"]
    )
    assert result.exit_code == 0, result.output
    assert "no encoder of ours" in result.output
    assert json.loads(Path("快.json").read_text(encoding="utf8"))["scores"] == {
        "present": {"entities F1": 1.0}
    }
    assert spacy.load("快")("一网通办").ents[0].label_ == "X"
    result = CliRunner().invoke(app, ["optimize", "快", "--reset"])
    assert "nlp.batch_size = " in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["模型"], "needs dev data"),
        (["模型", "dev.spacy", "-o", "模型"], "is the pipeline itself"),
        (["模型", "dev.spacy", "-o", "none/here"], "does not exist"),
        (["模型", "dev.spacy", "-o", "other"], "is not a pipeline"),
        (["模型", "none.spacy", "-o", "x"], "not found"),
        (["none", "dev.spacy", "-o", "x"], "Cannot load"),
        (["模型", "dev.spacy", "-o", "x", "--rounds", "0"], "--rounds is 0"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    nlp = spacy.blank("zh")
    nlp.to_disk("模型")
    DocBin(docs=[nlp("好")]).to_disk("dev.spacy")
    Path("other").mkdir()
    result = CliRunner().invoke(app, ["optimize", *arguments])
    assert result.exit_code == 1
    assert said in " ".join(result.output.split())
    assert not Path("x").exists()


def test_threads_are_set_at_loading_unless_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    callback = {"@callbacks": "xinzhi.Threads.v1", "threads": 1}
    spacy.blank("zh", config={"nlp": {"before_creation": callback}})
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    spacy.blank("zh", config={"nlp": {"before_creation": callback}})
    assert set_to == [1]
    with pytest.raises(XinzhiError, match="threads = 0"):
        configure_threads(0)


def test_every_encoder_is_found() -> None:
    config = {
        "a": {"model": {"predict_precision": "auto"}},
        "b": {"model": {"tok2vec": {"encoder": {"predict_precision": "fp32"}, "x": 1}}},
    }
    assert list(precision_settings(config)) == [
        "a.model.predict_precision",
        "b.model.tok2vec.encoder.predict_precision",
    ]
