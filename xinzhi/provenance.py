"""Where a pipeline comes from: data fingerprint, git revision, versions."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .compat import installed_versions
from .errors import XinzhiError
from .files import sha256_of

DISTRIBUTIONS = (
    "spacy",
    "spacy-transformers",
    "thinc",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
)


def data_fingerprint(paths: Iterable[Path]) -> dict[str, Any]:
    """Fingerprint the corpus a pipeline was trained on.

    paths (Iterable[Path]): Files, or folders whose files all count.
    RETURNS (dict[str, Any]): "sha256" over all files' names and contents, and "files": name to
        checksum. The second of two files of one name is called "NAME (2)".
    RAISES (XinzhiError): If a path does not exist or holds no file.
    """
    files = sorted((name, sha256_of(file)) for path in paths for name, file in _named_files(path))
    total = hashlib.sha256()
    named: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for name, digest in files:
        total.update(f"{name}\0{digest}\n".encode())
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name} ({seen[name]})"] = digest
    return {"sha256": total.hexdigest(), "files": named}


def git_revision(folder: Path) -> str | None:
    """The commit checked out around a folder.

    folder (Path): Any folder.
    RETURNS (str | None): The commit, with "-dirty" if tracked files differ from it; None outside
        a git checkout or without git.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if changed else commit


def training_versions() -> dict[str, str]:
    """RETURNS (dict[str, str]): Exact versions of Python and of what training depends on."""
    return {"python": platform.python_version(), **installed_versions(DISTRIBUTIONS)}


def _named_files(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [(path.name, path)]
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    if not files:
        raise XinzhiError(
            f"The corpus {path} does not exist or holds no file.",
            "Give --corpus the file or folder that the pipeline was trained on.",
        )
    return [(file.relative_to(path).as_posix(), file) for file in files]


def _git(folder: Path, *args: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
