from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from xinzhi.encoders.sources import RECEIPT
from xinzhi.errors import XinzhiError
from xinzhi.packaging.encoder_licence import find_encoders, licence_notice
from xinzhi.provenance import data_fingerprint, git_revision, training_versions


def test_the_fingerprint_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    for folder in ("a", "乙"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.spacy").write_bytes(b"1")
        (tmp_path / folder / "dev.spacy").write_bytes(b"2")
    first, same = (data_fingerprint([tmp_path / folder]) for folder in ("a", "乙"))
    assert first == same
    assert list(first["files"]) == ["dev.spacy", "train.spacy"]
    (tmp_path / "a" / "dev.spacy").write_bytes(b"3")
    assert data_fingerprint([tmp_path / "a"])["sha256"] != first["sha256"]
    files = [tmp_path / "乙" / "train.spacy", tmp_path / "乙" / "dev.spacy"]
    assert data_fingerprint(files) == same


def test_files_of_one_name_all_count(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.spacy").write_text(folder)
    both = data_fingerprint([tmp_path / "a", tmp_path / "b" / "train.spacy"])
    assert both == data_fingerprint([tmp_path / "b", tmp_path / "a"])
    assert list(both["files"]) == ["train.spacy", "train.spacy (2)"]
    assert len(set(both["files"].values())) == 2


def test_a_missing_corpus_is_reported(tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="nowhere does not exist"):
        data_fingerprint([tmp_path / "nowhere"])


def test_git_revision_and_dirty(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(tmp_path)]
    (tmp_path / "file").write_text("1")
    for args in (["init", "-q"], ["add", "file"], ["commit", "-qm", "1"]):
        subprocess.run([*git, *args], check=True)
    clean = git_revision(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "untracked").write_text("1")
    assert git_revision(tmp_path) == clean
    (tmp_path / "file").write_text("2")
    assert git_revision(tmp_path) == f"{clean}-dirty"


def test_versions_are_exact() -> None:
    versions = training_versions()
    assert {"python", "spacy", "thinc", "torch", "numpy"} <= set(versions)
    assert all(version[0].isdigit() for version in versions.values())


def test_encoder_licences(tmp_path: Path) -> None:
    for name in ("fetched", "hub", "silent"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "fetched" / RECEIPT).write_text('{"name": "tiny", "licence": "MIT (me)"}')
    (tmp_path / "hub" / "LICENSE.txt").write_text("许可 text")
    names = [*(str(tmp_path / name) for name in ("fetched", "hub", "silent")), "e5-small", "a/b"]
    encoder = {"@architectures": "xinzhi.Encoder.v1"}
    components = {f"c{i}": {"model": {**encoder, "name": name}} for i, name in enumerate(names)}
    config = {"components": {**components, "other": {"model": {"name": "x" * 1000}}}}
    encoders = find_encoders(config)
    licences = {encoder["name"]: encoder["licence"] for encoder in encoders}
    assert list(licences) == ["tiny", "hub", "silent", "e5-small", "a/b"]
    assert licences["tiny"] == "MIT (me)"
    assert licences["e5-small"].startswith("MIT")
    assert "not stated" in licences["silent"]
    assert "not stated" in licences["a/b"]
    assert "许可 text" in licence_notice(encoders)
