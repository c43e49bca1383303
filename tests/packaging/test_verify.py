from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin

from xinzhi.errors import XinzhiError
from xinzhi.packaging.verify import SAMPLES, check_result, read_texts, verify_wheel


def test_read_texts(tmp_path: Path) -> None:
    lines = tmp_path / "texts.txt"
    lines.write_text("一\n\nzwei\n三\n", "utf8")
    assert read_texts(lines, None, 2) == ["一", "zwei"]
    nlp = spacy.blank("zh")
    DocBin(docs=[nlp("智慧"), nlp("城市")]).to_disk(tmp_path / "dev.spacy")
    assert read_texts(None, tmp_path / "dev.spacy", 20) == ["智慧", "城市"]
    assert read_texts(None, None, 20) == SAMPLES


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\xfa"])
def test_texts_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "texts.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(XinzhiError, match=r"texts\.txt"):
        read_texts(path, None, 20)
    with pytest.raises(XinzhiError, match=r"texts\.txt"):
        read_texts(None, path, 20)


@pytest.mark.parametrize("name", ["b-0.1-py3-none-any.whl", "a.txt", "a-0.1-py3-none-any.whl"])
def test_no_wheel(tmp_path: Path, name: str) -> None:
    if name.startswith("a"):
        (tmp_path / name).write_text("x")
    with pytest.raises(XinzhiError, match="wheel"):
        verify_wheel(tmp_path / name, SAMPLES)


def test_a_wheel_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "numpy-2.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("numpy/__init__.py", "")
    with pytest.raises(XinzhiError, match=r"no spaCy pipeline: it has no numpy/meta\.json"):
        verify_wheel(path, SAMPLES)
    assert "Installing" not in capsys.readouterr().err


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:500] + b"x" + b[501:]])
def test_a_damaged_wheel(
    wheel: Path, tmp_path: Path, damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / wheel.name
    path.write_bytes(damage(wheel.read_bytes()))
    with pytest.raises(XinzhiError, match="is damaged"):
        verify_wheel(path, SAMPLES)
    assert capsys.readouterr().err == ""


def test_offline_with_another_interpreter(wheel: Path) -> None:
    with pytest.raises(XinzhiError, match="--offline"):
        verify_wheel(wheel, SAMPLES, offline=True, python="other-python")


def test_a_pipeline_that_is_none(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match=r"no meta\.json"):
        verify_wheel(wheel, SAMPLES, pipeline=tmp_path, offline=True)


@pytest.mark.slow
def test_a_wheel_equals_its_pipeline(encoder_wheel: Path, encoder_pipeline: Path) -> None:
    report = verify_wheel(encoder_wheel, SAMPLES, pipeline=encoder_pipeline, offline=True)
    assert report["compared_with_training"]
    assert report["documents"] == len(SAMPLES)
    assert report["largest_score_difference"] <= 1e-4
    assert report["installed_bytes"] > report["wheel_bytes"] > 10_000
    assert json.loads(json.dumps(report)) == report


def predictions(score: float) -> list[dict[str, Any]]:
    return [
        {"text": "好", "ents": [], "cats": {"good": 0.5}},
        {"ents": [], "cats": {"good": score}},
    ]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"predictions": predictions(0.5)}, None),
        ({"predictions": predictions(0.50009)}, None),
        ({"predictions": predictions(0.5002)}, r"Document \[1\]\.cats\.good: expected 0\.5, found"),
        ({"two_processes": predictions(0.4)}, "otherwise in two spawned processes"),
        ({"two_processes": predictions(0.5)[:1]}, "otherwise in two spawned processes"),
        ({"connection_attempts": ["socket.connect x:443"]}, "network: socket.connect x:443"),
    ],
)
def test_every_difference_is_an_error(result: dict[str, Any], message: str | None) -> None:
    full = {"predictions": predictions(0.5), "connection_attempts": [], **result}
    full.setdefault("two_processes", full["predictions"])
    if message is None:
        check_result("zh_a", full, predictions(0.5))
        return
    with pytest.raises(XinzhiError, match=message):
        check_result("zh_a", full, predictions(0.5))
