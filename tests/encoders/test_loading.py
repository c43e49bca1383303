"""Loading a Hugging Face folder: what is wrong with it is said, without a traceback."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

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


def test_an_unreachable_hub_is_one_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_network(name: str, **kwargs: object) -> None:
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise OSError("We couldn't connect to 'https://huggingface.co'.")

    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", no_network)
    with pytest.raises(XinzhiError, match=r"couldn't connect[\s\S]*HF_ENDPOINT"):
        load_encoder("nobody/nothing")
    assert "Retrying" not in caplog.text
    logging.getLogger("huggingface_hub.utils._http").warning("Retrying again")
    assert "Retrying again" in caplog.text
