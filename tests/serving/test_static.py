"""The files of the page, without a browser."""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).parents[2] / "xinzhi" / "serving" / "static"


def test_nothing_but_text_nodes_is_written() -> None:
    for path in STATIC.glob("*.js"):
        code = path.read_text(encoding="utf8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", code)
    page = (STATIC / "index.html").read_text(encoding="utf8")
    assert not re.search(r"https?://|\son\w+=|\sstyle=|<style|<script>", page)
