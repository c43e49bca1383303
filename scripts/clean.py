"""Remove what the workflows have made. Standard library only: it also runs without an environment.

python scripts/clean.py [--environment]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MADE = ("corpus/*", "training", "metrics", "packages/*", "project.lock")
CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")
ENVIRONMENT = (".venv", "*.egg-info", "build", *CACHES)
KEPT = "README.md"
RECEIPT = "SOURCE.json"  # as in xinzhi/encoders/sources.py


def clean(root: Path, environment: bool = False) -> list[str]:
    """Remove generated files and folders.

    root (Path): The project.
    environment (bool): Remove .venv and the tools' caches too.
    RETURNS (List[str]): What was removed.
    """
    patterns = MADE + (ENVIRONMENT if environment else ())
    paths = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    removed = [path for path in paths if path.name != KEPT] + fetched_encoders(root)
    for path in removed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return [path.relative_to(root).as_posix() for path in removed]


def fetched_encoders(root: Path) -> list[Path]:
    """RETURNS (List[Path]): Encoders that `xinzhi encoder fetch` wrote, none put there by hand."""
    receipts = root.glob(f"assets/encoders/**/{RECEIPT}")
    return sorted(receipt.parent for receipt in receipts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", action="store_true", help="remove .venv and caches too")
    for name in clean(ROOT, parser.parse_args().environment) or ["nothing to remove"]:
        print(name)
