"""The file that says which version of each model is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import XinzhiError
from ..files import write_json


class Manifest:
    """{"NAME": {"version": "2", "previous": "1"}}, written whole, so never half read.

    path (Path): The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> tuple[int, int]:
        """RETURNS (tuple): Changes when the file does, twice within a tick of the clock too."""
        try:
            found = self.path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino

    def read(self) -> dict[str, dict[str, Any]]:
        """RETURNS (dict): The entries; empty without a file.

        RAISES (XinzhiError): If the file is there but is no manifest.
        """
        try:
            entries = json.loads(self.path.read_text(encoding="utf8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as err:
            raise self._wrong(str(err)) from err
        if not isinstance(entries, dict):
            raise self._wrong("it is no JSON object")
        for name, entry in entries.items():
            if not isinstance(entry, dict) or not isinstance(entry.get("version"), str):
                raise self._wrong(f"'{name}' has no version")
        return entries

    def version(self, name: str) -> str | None:
        """RETURNS (str): The version of a model; None if the file says nothing of it."""
        return self.read().get(name, {}).get("version")

    def previous(self, name: str) -> str | None:
        """RETURNS (str): The version before that one; None if there was none."""
        return self.read().get(name, {}).get("previous")

    def write(self, name: str, version: str, previous: str) -> None:
        """Change the entry of one model.

        name (str): The model.
        version (str): The version to serve.
        previous (str): The version it replaces, to go back to.
        """
        entries = self.read()
        write_json(self.path, {**entries, name: {"version": version, "previous": previous}})

    def _wrong(self, reason: str) -> XinzhiError:
        return XinzhiError(
            f"{self.path} is no manifest: {reason}.", 'Write {"NAME": {"version": "…"}}.'
        )
