"""The command line: one file per command, each a thin wrapper over a plain function."""

from __future__ import annotations

import importlib

from ._app import app

# A command file registers itself on `app` when it is imported. The order is the order of --help.
COMMANDS = [
    "encoder",
    "convert",
    "export",
    "check",
    "split",
    "clean",
    "train",
    "search",
    "calibrate",
    "evaluate",
    "compare",
    "effects",
    "package",
    "verify",
    "apply",
    "serve",
    "monitor",
    "update",
    "select",
    "faq",
    "desk",
    "recommend",
    "registry",
    "benchmark",
    "doctor",
    "optimize",
]

for _name in COMMANDS:
    importlib.import_module(f".{_name}", __name__)


def main() -> None:
    """The `xinzhi` console script."""
    app()
