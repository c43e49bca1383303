"""A folder or hub name becomes a plain Hugging Face folder of this project."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from tests.util import KINDS, TEXTS
from xinzhi.cli import app
from xinzhi.encoders.copies import copy_encoder
from xinzhi.encoders.loading import load_encoder
from xinzhi.encoders.sources import RECEIPT
from xinzhi.encoders.tokenizer import PieceTokenizer
from xinzhi.errors import XinzhiError
from xinzhi.packaging.encoder_licence import find_encoders

MakeEncoder = Callable[..., Path]


@pytest.fixture
def source(tiny_encoder: MakeEncoder, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_encoder("wordpiece"), tmp_path / "某人" / "roberta")


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_the_same_encoder(tiny_encoder: MakeEncoder, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "编码器" / kind
    assert copy_encoder(str(tiny_encoder(kind)), out) is True
    ours, theirs = load_encoder(str(out)), load_encoder(str(tiny_encoder(kind)))
    assert ours.pad_id == theirs.pad_id
    assert ours.max_pieces == theirs.max_pieces
    one, two = (PieceTokenizer(e.tokenizer_json, e.pad_id).encode(TEXTS) for e in (ours, theirs))
    assert [p.ids.tolist() for p in one] == [p.ids.tolist() for p in two]
    states = ours.transformer.state_dict(), theirs.transformer.state_dict()
    assert all(torch.equal(states[0][key], value) for key, value in states[1].items())
    config = json.loads((out / "config.json").read_text(encoding="utf8"))
    assert config["attention_probs_dropout_prob"] == 0.1  # what we change for training stays ours


def test_the_layout_of_older_checkpoints(source: Path, tmp_path: Path) -> None:
    """As hfl/chinese-roberta-wwm-ext has it: pytorch_model.bin, vocab.txt, weights of its head."""
    from safetensors.torch import load_file

    state = load_file(source / "model.safetensors")
    state = {f"bert.{key}": value for key, value in state.items()}
    state["cls.predictions.bias"] = torch.zeros(7)
    torch.save(state, source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()
    vocabulary = json.loads((source / "tokenizer.json").read_text(encoding="utf8"))["model"][
        "vocab"
    ]
    (source / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)), "utf8")
    (source / "tokenizer.json").unlink()
    (source / "tokenizer_config.json").write_text("{}", "utf8")
    copy_encoder(str(source), tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", RECEIPT} <= names
    loaded = load_encoder(str(tmp_path / "out"))
    key = "encoder.layer.0.output.dense.weight"
    assert torch.equal(loaded.transformer.state_dict()[key], state[f"bert.{key}"])


def test_it_is_written_once_and_again_when_something_changed(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert copy_encoder(str(source), out) is True
    assert copy_encoder(str(source), out) is False
    (out / "model.safetensors").write_bytes(b"damaged")
    assert copy_encoder(str(source), out) is True
    (source / "LICENSE").write_text("Do as you like", "utf8")
    assert copy_encoder(str(source), out) is True
    assert copy_encoder(str(source), out) is False
    block = {"transformer": {"model": {"@architectures": "x", "name": str(out)}}}
    (encoder,) = find_encoders({"components": block})
    assert encoder["name"] == "roberta"
    assert encoder["text"] == "Do as you like"


def test_a_folder_put_there_by_hand_is_taken_as_it_is(source: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in source.iterdir())
    assert copy_encoder("hfl/roberta", source) is False
    assert sorted(path.name for path in source.iterdir()) == before
    (source / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(XinzhiError, match="cannot be loaded"):
        copy_encoder("hfl/roberta", source)


def test_other_files_are_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", "utf8")
    with pytest.raises(XinzhiError, match=r"no config\.json"):
        copy_encoder(str(source), tmp_path / "out")
    (tmp_path / "file").write_text("mine", "utf8")
    with pytest.raises(XinzhiError, match="exists and is no Hugging Face folder"):
        copy_encoder(str(source), tmp_path / "file")
    assert (tmp_path / "out" / "thesis.txt").exists()


def test_a_full_disk_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("transformers.PreTrainedModel.save_pretrained", full)
    with pytest.raises(XinzhiError, match="No space left on device"):
        copy_encoder(str(source), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["某人"]


def test_the_command_takes_a_folder(source: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    runner = CliRunner()
    assert "written" in runner.invoke(app, ["encoder", "fetch", str(source), "--out", out]).output
    assert "already" in runner.invoke(app, ["encoder", "fetch", str(source), "--out", out]).output
