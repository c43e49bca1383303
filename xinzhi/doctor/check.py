"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "problem"


@dataclass(frozen=True)
class Check:
    """A fact about this installation or machine.

    area (str): "versions", "gpu", "cpu", "encoders", "hub", "space" or "system".
    name (str): What was looked at.
    found (str): What was found.
    status (str): "ok"; "note": worth knowing; "problem": something will not work.
    fix (str): What to do about it, if anything.
    """

    area: str
    name: str
    found: str
    status: str = OK
    fix: str = ""
