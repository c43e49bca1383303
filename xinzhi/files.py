"""Writing files so that nobody ever sees half of one, and checksums."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .compat import fcntl
from .errors import XinzhiError

OLD = "old"
LEFT_OVER_SECONDS = 60  # a younger folder may belong to a process that is about to lock it


@contextmanager
def work_folder(target: Path) -> Iterator[Path]:
    """Make a folder beside `target` to work in; it is removed at the end if it is still there.

    While the block runs the folder is locked. One without a lock was left by a process that was
    killed: such folders for the same target are removed first. Where there are no locks (Windows,
    some network drives) they stay.

    target (Path): What is to be made; its parent must exist.
    YIELDS (Path): An empty folder.
    """
    prefix = f".{target.name}.xinzhi-"
    for path in sorted(target.parent.glob(f"{glob.escape(prefix)}*")):
        if _is_left_over(path):
            _remove_left_over(path, target)
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    handle = _lock(work)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if handle is not None:
            os.close(handle)


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """Fill a new folder and put it in the place of `target` when the block ends without error.

    target (Path): The folder to create or replace; its parent must exist.
    YIELDS (Path): An empty folder beside it. If anything fails it is removed, and `target` is what
        it was.
    """
    with work_folder(target) as work:
        new, old = work / "new", work / OLD
        new.mkdir()
        try:
            yield new
            if target.exists():
                target.rename(old)
            new.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise


def _lock(folder: Path) -> int | None:
    """RETURNS (int): The open handle that holds the lock; None if the system cannot lock it."""
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _is_left_over(folder: Path) -> bool:
    try:
        handle = _lock(folder) if time.time() - folder.stat().st_mtime > LEFT_OVER_SECONDS else None
    except OSError:  # its owner has just removed it
        return False
    if handle is None:
        return False
    os.close(handle)
    return True


def _remove_left_over(folder: Path, target: Path) -> None:
    """A process killed while it swapped two folders has left the old one here: put it back."""
    if (folder / OLD).exists() and not target.exists():
        (folder / OLD).rename(target)
    shutil.rmtree(folder, ignore_errors=True)


def write_json(path: Path, value: Any, *, sort_keys: bool = False) -> None:
    """Write a JSON file, all digits, no NaN; it appears when it is complete.

    path (Path): The file; its folder is made if need be.
    value (Any): What to write.
    sort_keys (bool): Sort the keys of every object.
    RAISES (XinzhiError): If it cannot be written.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=sort_keys, allow_nan=False)
    write_text(path, text + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file; it appears when it is complete.

    path (Path): The file; its folder is made if need be.
    text (str): What to write; lone surrogates (a file name that is not UTF-8) as \\udcXX.
    RAISES (XinzhiError): If it cannot be written.
    """
    work = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work.write_text(text, encoding="utf8", errors="backslashreplace")
        work.replace(path)
    except OSError as err:
        if work.is_file():
            work.unlink()
        raise XinzhiError(
            f"{path} cannot be written: {err.strerror}.",
            "Free some disk space or choose another path.",
        ) from err


def sha256_of(path: Path) -> str:
    """RETURNS (str): The hex digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
