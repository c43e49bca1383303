"""The script that runs in the new environment must catch what a wheel must not do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xinzhi.packaging import selftest

BLANK = "import spacy\n\ndef load(**overrides):\n    {line}\n    return spacy.blank('zh')\n"


def run_selftest(folder: Path, line: str, library: str = "no_such_library") -> tuple[int, str]:
    """Run it on a package whose load() executes one line."""
    (folder / "zh_toy").mkdir()
    (folder / "zh_toy" / "__init__.py").write_text(BLANK.format(line=line), "utf8")
    info = folder / "zh_toy-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zh_toy\nVersion: 0.1.0\n")
    job = {"load": "zh_toy", "texts": ["智慧", ""], "isolated": True, "library": library}
    (folder / "job.json").write_text(json.dumps(job), "utf8")
    script, out = str(selftest.__file__), str(folder / "result.json")
    done = subprocess.run(
        [sys.executable, script, str(folder / "job.json"), out],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import pickle; pickle.loads(pickle.dumps(1))", "loading calls pickle.loads"),
        ("import pickle, io; pickle.Unpickler(io.BytesIO())", "loading calls pickle.Unpickler"),
        (
            "import _pickle, pickle; _pickle.loads(pickle.dumps(len))",
            "loading unpickles ('builtins', 'len')",
        ),
        ("import torch, io; torch.load(io.BytesIO())", "loading calls torch.load"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "network access"),
        ("import socket; socket.getaddrinfo('localhost', 1)", "network access"),
    ],
)
def test_what_a_wheel_must_not_do(tmp_path: Path, line: str, message: str) -> None:
    code, errors = run_selftest(tmp_path, line)
    assert code == 1
    assert message in errors.splitlines()[-1]


@pytest.mark.slow
def test_a_swallowed_connection_attempt_is_still_reported(tmp_path: Path) -> None:
    line = "import contextlib, socket\n    with contextlib.suppress(Exception): "
    code, errors = run_selftest(tmp_path, line + "socket.gethostbyname('localhost')")
    assert code == 0, errors
    result = json.loads((tmp_path / "result.json").read_text("utf8"))
    assert "socket.gethostbyname" in result["connection_attempts"][0]


@pytest.mark.slow
def test_the_library_must_not_be_there(tmp_path: Path) -> None:
    code, errors = run_selftest(tmp_path, "pass", library="wasabi")
    assert code == 1
    assert "'wasabi' can be imported here" in errors


@pytest.mark.slow
def test_what_is_measured(tmp_path: Path) -> None:
    code, errors = run_selftest(tmp_path, "pass")
    assert code == 0, errors
    result = json.loads((tmp_path / "result.json").read_text("utf8"))
    assert [doc["text"] for doc in result["predictions"]] == ["智慧", ""]
    assert result["predictions"] == result["two_processes"]
    assert result["connection_attempts"] == []
    assert 0 < result["load_seconds"] < 60
    assert result["peak_memory_bytes"] > 10_000_000


def test_describe_covers_extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    import spacy
    from spacy.tokens import Doc, Span
    from spacy.tokens.underscore import Underscore

    for table in ("doc_extensions", "span_extensions"):  # a component may have set them already
        monkeypatch.setattr(Underscore, table, {})
    nlp = spacy.blank("zh")
    doc = nlp("深圳好")
    Doc.set_extension("heads", default=None)
    Span.set_extension("confidence", default=0.5)
    doc._.heads = {"topic": {"交通": 0.25}}
    doc.ents = [Span(doc, 0, 2, label="PLACE")]
    record = selftest.describe(doc)
    assert record["_.heads"] == {"topic": {"交通": 0.25}}
    assert record["confidence"] == [0.5]
    assert record["ents"] == [{"start": 0, "end": 2, "label": "PLACE"}]
