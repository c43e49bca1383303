from __future__ import annotations

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.errors import XinzhiError
from xinzhi.registry import Registry
from xinzhi.serving.manifest import Manifest
from xinzhi.serving.sources import Source


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    nlp = spacy.blank("zh")
    nlp.meta["performance"] = {"ents_f": 0.5}
    nlp.to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.fixture
def registry(tmp_path: Path, pipeline: Path) -> Registry:
    registry = Registry(tmp_path / "registry")
    for note in ("first", "second", "third"):
        registry.add(pipeline, "city", note=note)
    return registry


def test_versions_count_up_and_know_their_parent(registry: Registry, pipeline: Path) -> None:
    registry.promote("city", "2")
    registry.add(pipeline, "city", {"f": 1.0})
    versions = registry.versions("city")
    assert [v.version for v in versions] == ["1", "2", "3", "4"]
    assert [v.parent for v in versions] == [None, None, None, "2"]
    assert [v.metrics for v in versions][2:] == [{"ents_f": 0.5}, {"f": 1.0}]
    assert registry.add(pipeline, "city", parent="1").parent == "1"  # made from it, not served now
    assert spacy.load(registry.path("city", "4")).lang == "zh"
    assert registry.path("city") == registry.root / "city" / "2"


def test_promotions_are_rolled_back_one_by_one(registry: Registry) -> None:
    for version in ("1", "3", "2"):
        registry.promote("city", version)
    assert registry.current("city") == "2"
    assert [registry.roll_back("city") for _ in range(2)] == ["3", "1"]
    assert registry.current("city") == "1"
    with pytest.raises(XinzhiError, match="no version before"):
        registry.roll_back("city")
    assert registry.current("city") == "1"


def test_a_service_finds_the_same(registry: Registry) -> None:
    registry.promote("city", "1")
    registry.promote("city", "2")
    source = Source("city", str(registry.root / "city"))
    assert list(source.versions()) == ["1", "2", "3"]
    manifest = Manifest(registry.root / "manifest.json")
    assert (manifest.version("city"), manifest.previous("city")) == ("2", "1")
    manifest.write("city", "3", "2")  # the service itself changes the version
    assert registry.roll_back("city") == "2"


@pytest.mark.parametrize("step", ["promote", "roll back"])
def test_a_crash_in_mid_promotion(
    registry: Registry, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest was written, the history was not."""
    for version in ("1", "2", "3"):
        registry.promote("city", version)

    def crash(path: Path, value: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("xinzhi.registry.store.write_json", crash)
        with pytest.raises(KeyboardInterrupt):
            registry.promote("city", "1") if step == "promote" else registry.roll_back("city")
    assert registry.current("city") == ("1" if step == "promote" else "2")
    assert registry.roll_back("city") == ("3" if step == "promote" else "1")


def test_a_crash_in_mid_copy_leaves_no_version(
    registry: Registry, pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(path: Path, value: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("xinzhi.registry.store.write_json", crash)
        with pytest.raises(KeyboardInterrupt):
            registry.add(pipeline, "city", note="lost")
    assert len(registry.versions("city")) == 3
    with pytest.raises(XinzhiError, match="no version '4'"):
        registry.promote("city", "4")
    assert registry.add(pipeline, "city", note="again").version == "4"
    assert registry.versions("city")[-1].note == "again"


def test_changed_files_are_not_served(registry: Registry) -> None:
    registry.promote("city", "1")
    (registry.root / "city" / "2" / "config.cfg").write_text("[nlp]\n", encoding="utf8")
    with pytest.raises(XinzhiError, match="its files have changed"):
        registry.promote("city", "2")
    assert registry.current("city") == "1"


def test_what_is_not_there_is_said(registry: Registry, pipeline: Path) -> None:
    with pytest.raises(XinzhiError, match="no model 'x'"):
        registry.promote("x", "1")
    with pytest.raises(XinzhiError, match="no model 'x'"):
        registry.roll_back("x")
    with pytest.raises(XinzhiError, match="no version '9'"):
        registry.promote("city", "9")
    with pytest.raises(XinzhiError, match="No version of 'city' is promoted"):
        registry.path("city")
    with pytest.raises(XinzhiError, match="no saved pipeline"):
        registry.add(pipeline.parent, "city")
    for name in ("../city", "", "records", "a/b"):
        with pytest.raises(XinzhiError, match="cannot be the name"):
            registry.add(pipeline, name)


def add_and_promote(root: str, pipeline: str) -> str:
    registry = Registry(Path(root))
    version = registry.add(Path(pipeline), "city").version
    registry.promote("city", version)
    return version


@pytest.mark.slow
def test_two_writers_at_once(tmp_path: Path, pipeline: Path) -> None:
    root = tmp_path / "registry"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        jobs = [pool.submit(add_and_promote, str(root), str(pipeline)) for _ in range(12)]
        added = [job.result() for job in jobs]
    registry = Registry(root)
    assert sorted(map(int, added)) == list(range(1, 13))
    assert [v.version for v in registry.versions("city")] == [str(i) for i in range(1, 13)]
    gone_back = [registry.current("city"), *(registry.roll_back("city") for _ in range(11))]
    assert sorted(map(int, gone_back)) == list(range(1, 13))  # each was promoted exactly once


def test_the_commands(tmp_path: Path, pipeline: Path) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(
            app, ["registry", *arguments], env={"XINZHI_REGISTRY": str(tmp_path / "r")}
        )
        assert result.exit_code == 0, result.output
        return result.output

    run("add", "city", str(pipeline), "--promote", "--note", "first")
    run("add", "city", str(pipeline))
    assert "version 2 is served" in run("promote", "city", "2")
    assert "first" in run("list")
    assert "version 1 is served" in run("rollback", "city")
    shutil.rmtree(tmp_path / "r" / "city" / "2")
    assert run("list", "city").count("zh_pipeline") == 1
