"""Writing the results: JSON, Markdown, plot."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from ..errors import XinzhiError
from ..files import write_json, write_text
from .plot import plot
from .report import to_markdown

NAME = "benchmark"


def write_results(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write benchmark.json, benchmark.md and, where matplotlib is installed, benchmark.svg.

    results (dict): As from `benchmark`.
    folder (Path): Where; made if need be.
    RETURNS (list[Path]): The files.
    RAISES (XinzhiError): They cannot be written.
    """
    files = [folder / f"{NAME}.json", folder / f"{NAME}.md"]
    write_json(files[0], results)
    write_text(files[1], to_markdown(results))
    if has_plots():
        files.append(folder / f"{NAME}.svg")
        plot(results, files[-1])
    return files


def has_plots() -> bool:
    """RETURNS (bool): Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def check_writable(folder: Path) -> None:
    """RAISES (XinzhiError): The folder cannot be made or written to; said before a long run."""
    probe = folder / f".{NAME}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as err:
        raise XinzhiError(
            f"Cannot write to {folder}: {err.strerror}.", "Name another folder with --output."
        ) from err
