"""Write the table of formats into docs/data-format.md, from the registry.

python scripts/formats_table.py [--check]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from xinzhi.corpora.formats import EVERYTHING, WritableFormat, known_formats

DOCS = Path(__file__).resolve().parent.parent / "docs" / "data-format.md"
START, END = "<!-- formats:start -->", "<!-- formats:end -->"
ORDER = ("entities", "overlaps", "cats", "soft", "scores", "meta", "id", "annotator")


def table() -> str:
    """RETURNS (str): One row per format: name, what it is, whether it is written, what it holds."""
    rows = ["| `--from` / `--to` | format | written | holds |", "| --- | --- | --- | --- |"]
    for name, fmt in known_formats().items():
        written = "yes" if isinstance(fmt, WritableFormat) else "no"
        complete = not EVERYTHING - fmt.holds
        holds = "everything" if complete else ", ".join(x for x in ORDER if x in fmt.holds)
        rows.append(f"| `{name}` | {fmt.help.replace('|', chr(92) + '|')} | {written} | {holds} |")
    return "\n".join(rows)


def updated(text: str) -> str:
    """RETURNS (str): The page with the current table between the markers."""
    pattern = re.compile(f"(?<={re.escape(START)}\n).*?(?={re.escape(END)})", re.DOTALL)
    return pattern.sub(lambda _: f"\n{table()}\n\n", text)


def main(check: Annotated[bool, typer.Option("--check", help="Only compare.")] = False) -> None:
    """Update the page, or with --check fail if it is not current."""
    text = DOCS.read_text(encoding="utf8")
    if check:
        sys.exit(text != updated(text))
    DOCS.write_text(updated(text), encoding="utf8")


if __name__ == "__main__":
    typer.run(main)
