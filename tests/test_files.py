"""Files and folders appear when they are complete, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xinzhi.compat import fcntl
from xinzhi.errors import XinzhiError
from xinzhi.files import replaced_folder, sha256_of, work_folder, write_json


def test_json_is_complete_and_sorted_on_request(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "test.json"
    write_json(path, {"b": 1 / 3, "a": {"标签": None}}, sort_keys=True)
    text = path.read_text(encoding="utf8")
    assert json.loads(text) == {"a": {"标签": None}, "b": 1 / 3}
    assert text.index('"a"') < text.index('"b"')
    assert "标签" in text
    assert [file.name for file in path.parent.iterdir()] == ["test.json"]


def test_json_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(XinzhiError, match="cannot be written"):
        write_json(tmp_path / "file" / "test.json", {})
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(XinzhiError, match="cannot be written"):
        write_json(tmp_path / "folder.json", {})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.json"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "模型"
    for content in ("first", "second"):
        with replaced_folder(target) as folder:
            (folder / content).write_text(content)
        assert [file.name for file in target.iterdir()] == [content]
    assert [path.name for path in tmp_path.iterdir()] == ["模型"]


def test_a_folder_stays_what_it_was_if_anything_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(ZeroDivisionError), replaced_folder(target):
        raise ZeroDivisionError
    rename = Path.rename

    def fail_on_the_new_one(path: Path, to: Path) -> Path:
        if to == target and path.name != "old":
            raise OSError(13, "no")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fail_on_the_new_one)
    with pytest.raises(OSError, match="no"), replaced_folder(target) as folder:
        (folder / "new").write_text("new")
    assert [file.name for file in target.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


KILLED = """
import os, signal, sys
from pathlib import Path
from xinzhi import files
target = Path(sys.argv[1])
if sys.argv[2] == "while swapping":
    rename = Path.rename
    Path.rename = lambda path, to: rename(path, to) if to != target else os.kill(os.getpid(), 9)
with files.replaced_folder(target) as folder:
    (folder / "half").write_text("half")
    if sys.argv[2] == "while writing":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(fcntl is None, reason="no locks")
@pytest.mark.parametrize("when", ["while writing", "while swapping"])
def test_what_a_killed_process_left_is_removed(tmp_path: Path, when: str) -> None:
    target = tmp_path / "模型 [1]"
    target.mkdir()
    (target / "mine").write_text("mine")
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), when], check=False)
    assert done.returncode == -9
    (left,) = tmp_path.glob(".*")
    assert target.exists() == (when == "while writing")
    other = tmp_path / ".模型 [2].xinzhi-abc"
    other.mkdir()
    for path in (left, other):
        os.utime(path, (0, 0))
    with pytest.raises(ZeroDivisionError), replaced_folder(target):
        raise ZeroDivisionError
    assert [path.name for path in target.iterdir()] == ["mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, target.name]


@pytest.mark.skipif(fcntl is None, reason="no locks")
def test_the_folder_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with work_folder(target) as first:
        os.utime(first, (0, 0))
        with work_folder(target) as second:
            assert first.exists()
            os.utime(second, (0, 0))
        assert not second.exists()
    assert list(tmp_path.iterdir()) == []


def test_checksum(tmp_path: Path) -> None:
    content = "智慧".encode() * 300_000
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
