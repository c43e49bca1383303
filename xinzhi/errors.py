"""The one exception that users see: a fact, then the next step."""

from __future__ import annotations


class XinzhiError(Exception):
    """A problem the user can fix.

    fact (str): What is wrong, with file, line or record id.
    next_step (str): What to do about it.
    """

    def __init__(self, fact: str, next_step: str = "") -> None:
        self.fact = fact
        self.next_step = next_step
        super().__init__(f"{fact}\n  {next_step}" if next_step else fact)
