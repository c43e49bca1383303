"""Writing files so that nobody ever sees half of one, and checksums."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import XinzhiError


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """Fill a new folder and put it in the place of `target` when the block ends without error.

    target (Path): The folder to create or replace; its parent must exist.
    YIELDS (Path): An empty folder beside it. If anything fails it is removed, and `target` is what
        it was.
    """
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    old = work.with_name(f"{work.name}-old")
    try:
        yield work
        work.chmod(0o755)
        if target.exists():
            target.rename(old)
        work.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any, *, sort_keys: bool = False) -> None:
    """Write a JSON file, all digits, no NaN; it appears when it is complete.

    path (Path): The file; its folder is made if need be.
    value (Any): What to write.
    sort_keys (bool): Sort the keys of every object.
    RAISES (XinzhiError): If it cannot be written.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=sort_keys, allow_nan=False)
    work = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work.write_text(text + "\n", encoding="utf8")
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
