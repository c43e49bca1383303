"""Loading a Hugging Face folder: what is wrong with it is said, without a traceback."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from xinzhi.encoders.loading import load_encoder
from xinzhi.errors import XinzhiError


def truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "config.json").write_text("{", encoding="utf8"),
        lambda folder: (folder / "tokenizer.json").unlink(),
    ],
    ids=["truncated weights", "no weights", "malformed config", "no tokenizer"],
)
def test_a_damaged_folder_is_named(
    tiny_encoder: Callable[..., Path], tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    folder = tmp_path / "编码器"
    shutil.copytree(tiny_encoder(), folder)
    damage(folder)
    with pytest.raises(XinzhiError, match=r"编码器' cannot be loaded: \S") as caught:
        load_encoder(str(folder))
    assert "hub name" not in str(caught.value)


def test_a_folder_without_some_of_its_weights_is_named(
    tiny_encoder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_encoder(), tmp_path / "编码器")
    state = load_file(folder / "model.safetensors")
    del state["encoder.layer.1.output.dense.weight"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(XinzhiError, match=r"lacks 1 weights .* encoder\.layer\.1\.output\.dense"):
        load_encoder(str(folder))


def test_weights_that_are_not_used_are_no_news(
    tiny_encoder: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    assert "pooler.dense.weight" in load_file(tiny_encoder() / "model.safetensors")
    logging.getLogger("transformers").addHandler(caplog.handler)
    load_encoder(str(tiny_encoder()))
    logging.getLogger("transformers").removeHandler(caplog.handler)
    assert caplog.text == ""


def test_an_unreachable_hub_is_one_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def no_network(self: object, url: str, **_: object) -> None:
        asked.append(url)
        raise OSError("unreachable")

    monkeypatch.setattr("requests.Session.head", no_network)
    with pytest.raises(XinzhiError, match=r"cannot be reached[\s\S]*HF_ENDPOINT") as caught:
        load_encoder("nobody/nothing")
    assert "HF_HUB_OFFLINE=1" in caught.value.next_step
    assert "Hugging Face folder" in caught.value.next_step
    assert len(asked) == 1
    assert caplog.text == ""


def test_what_the_cache_holds_is_not_asked_for(
    tiny_encoder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache as the hub's client leaves it: refs and snapshots."""
    snapshot = tmp_path / "models--someone--roberta" / "snapshots" / "abc"
    shutil.copytree(tiny_encoder("wordpiece"), snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("transformers.utils.hub.TRANSFORMERS_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("used the network"))
    assert load_encoder("someone/roberta").max_pieces == 64
