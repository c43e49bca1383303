from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from xinzhi.errors import XinzhiError
from xinzhi.packaging.pipeline import copy_data, read_pipeline
from xinzhi.packaging.wheel import package_pipeline


@pytest.mark.parametrize("name", ["smartcity", "zh_smartcity"])
def test_name_and_version_override_meta(pipeline_dir: Path, name: str) -> None:
    pipeline = read_pipeline(pipeline_dir, name, "1.0-beta.1")
    assert pipeline.package == "zh_smartcity"
    assert pipeline.versioned == "zh_smartcity-1.0b1"  # as pip writes it


def test_meta_is_the_default(pipeline_dir: Path) -> None:
    assert read_pipeline(pipeline_dir).versioned == "zh_pipeline-0.0.0"


@pytest.mark.parametrize("name", ["智慧", "a b", "A", "a__b", "a-b", "../a"])
def test_a_bad_name_is_refused(pipeline_dir: Path, name: str) -> None:
    with pytest.raises(XinzhiError, match="cannot be the name"):
        read_pipeline(pipeline_dir, name)


def test_a_bad_version_is_refused(pipeline_dir: Path) -> None:
    with pytest.raises(XinzhiError, match="'latest' is not a version"):
        read_pipeline(pipeline_dir, "a", "latest")


def test_no_pipeline(tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match=r"not a saved pipeline: it has no meta\.json"):
        read_pipeline(tmp_path)


def test_damaged_config(pipeline_dir: Path) -> None:
    (pipeline_dir / "config.cfg").write_text("[nlp\nlang", "utf8")
    with pytest.raises(XinzhiError, match="damaged"):
        read_pipeline(pipeline_dir)


@pytest.mark.parametrize(
    "meta", ['{"lang": "zh"', "[]", "7", '{"lang": "zh", "name": "a", "version": 1}', "{}"]
)
def test_broken_meta(pipeline_dir: Path, meta: str) -> None:
    (pipeline_dir / "meta.json").write_text(meta, "utf8")
    with pytest.raises(XinzhiError, match=r"damaged"):
        read_pipeline(pipeline_dir)


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: shutil.rmtree(p / "transformer"),
        lambda p: truncate(p / "transformer" / "model"),
        lambda p: (p / "ner" / "model").write_bytes(b""),
        lambda p: (p / "ner" / "moves").unlink(),
        lambda p: truncate(p / "textcat_multilabel" / "cfg"),
        lambda p: (p / "tokenizer" / "cfg").unlink(),
        lambda p: shutil.rmtree(p / "vocab"),
        lambda p: truncate(p / "vocab" / "strings.json"),
        lambda p: (p / "vocab" / "vectors").write_bytes(b""),
    ],
)
def test_an_incomplete_pipeline_is_not_packaged(
    encoder_pipeline: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    shutil.copytree(encoder_pipeline, tmp_path / "模型")
    damage(tmp_path / "模型")
    with pytest.raises(XinzhiError, match=r"does not work|not a saved pipeline") as caught:
        package_pipeline(tmp_path / "模型", tmp_path / "out", name="x", version="1")
    assert caught.value.next_step
    assert not (tmp_path / "out").exists()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_training_leftovers_stay_behind(pipeline_dir: Path, tmp_path: Path) -> None:
    copy_data(read_pipeline(pipeline_dir), tmp_path / "data", {"fakelib_finder": "zh_x_finder"})
    copied = {path.name for path in (tmp_path / "data").iterdir()}
    assert copied == {"config.cfg", "meta.json", "tokenizer", "vocab"}
    config = (tmp_path / "data" / "config.cfg").read_text("utf8")
    assert 'factory = "zh_x_finder"' in config
    assert "[components.fakelib_finder]" in config
