"""Sections of the READMEs that scripts write."""

from __future__ import annotations


def fill(readme: str, section: str, content: str) -> str:
    """Replace what stands between the markers of a section.

    readme (str): The text.
    section (str): The name in its markers, <!-- NAME:start --> and <!-- NAME:end -->.
    content (str): What to put between them.
    RETURNS (str): The new text.
    """
    start, end = f"<!-- {section}:start -->", f"<!-- {section}:end -->"
    before, rest = readme.split(start)
    return f"{before}{start}\n{content}\n{end}{rest.split(end)[1]}"
