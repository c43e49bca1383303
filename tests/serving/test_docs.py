"""docs/serving.md lists every setting and every problem code."""

from __future__ import annotations

import re
from pathlib import Path

from xinzhi.serving.settings import ServeSettings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "serving.md"
MARKERS = re.compile("(?s)(<!-- settings:start -->\n).*?(<!-- settings:end -->)")


def settings_table() -> str:
    rows = ["| setting | default | |", "| --- | --- | --- |"]
    for name, field in ServeSettings.model_fields.items():
        default = "none" if field.default is None else field.default
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        rows.append(f"| `{name}` | {shown} | {field.description or ''} |")
    return "\n".join(rows) + "\n"


def test_settings_are_listed() -> None:
    text = DOCS.read_text(encoding="utf8")
    current = MARKERS.sub(lambda found: found[1] + settings_table() + found[2], text)
    assert text == current, f"put this between the markers:\n{settings_table()}"


def test_problem_codes_are_listed() -> None:
    text = DOCS.read_text(encoding="utf8")
    codes = set()
    for path in (ROOT / "xinzhi" / "serving").glob("*.py"):
        codes |= set(re.findall(r'Problem\(\s*\d{3},\s*"(\w+)"', path.read_text("utf8")))
    assert len(codes) > 15
    missing = {code for code in codes if f"`{code}`" not in text}
    assert missing <= {"internal_error", "invalid_request"}
