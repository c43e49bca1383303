"""The files of a report: report.json, report.md, report.html."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from ...files import write_json, write_text
from .markdown import render_markdown
from .page import render_page
from .sections import sections

JSON, MARKDOWN, HTML = "report.json", "report.md", "report.html"


def write_report(folder: Path, report: Mapping[str, Any]) -> Path:
    """Write the three files; each appears when it is complete.

    folder (Path): Where; made if need be.
    report (Mapping): See `build.build_report`.
    RETURNS (Path): The HTML page.
    RAISES (XinzhiError): If they cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise XinzhiError(f"{folder} is a file.", "Name a folder for the report.")
    parts = sections(report)
    page, text = render_page(report, parts), render_markdown(report, parts)
    write_json(folder / JSON, report, sort_keys=True)
    write_text(folder / MARKDOWN, text)
    write_text(folder / HTML, page)
    return folder / HTML
