"""The report as Markdown: everything but the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .blocks import Beside, Block, Cards, Charts, Documents, Matrix, Section, Table, Text
from .spans import pieces


def render_markdown(report: Mapping[str, Any], sections: list[Section]) -> str:
    """RETURNS (str): The report; the charts are in the HTML page only."""
    run, counts = report["run"], report["counts"]
    lines = [
        f"# Evaluation of {_escape(run['pipeline'])}",
        "",
        f"{counts['documents']:,} documents of {_escape(run['corpus'])}, {run['date']}. "
        "The charts are in report.html, all numbers in report.json.",
    ]
    for section in sections:
        lines += ["", f"## {_escape(section.title)}"]
        for block in section.blocks:
            lines += _block(block)
    return "\n".join(lines) + "\n"


def _block(block: Block) -> list[str]:
    if isinstance(block, Text):
        return ["", _escape(block.text)]
    if isinstance(block, Table):
        rows = [*block.rows, *block.summary]
        return _titled(block.title, _table(block.columns, rows, block.words), block.note)
    if isinstance(block, Matrix):
        return _titled(block.title, _matrix(block), block.note)
    if isinstance(block, Cards):
        return ["", *_table(("", "value", ""), block.cards, 1)]
    if isinstance(block, Documents):
        return [line for document in block.documents for line in _document(document)]
    if isinstance(block, Beside):
        return [line for part in block.blocks for line in _block(part)]
    assert isinstance(block, Charts)
    return []


def _titled(title: str, lines: list[str], note: str) -> list[str]:
    head = ["", f"### {_escape(title)}"] if title else []
    return [*head, "", *lines, *(["", _escape(note)] if note else [])]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> list[str]:
    rule = ["---"] * words + ["---:"] * (len(columns) - words)
    return [_row(columns), f"| {' | '.join(rule)} |", *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escape, cells))} |"


def _matrix(block: Matrix) -> list[str]:
    rows = []
    for i, (name, cells) in enumerate(zip(block.rows, block.cells, strict=True)):
        marks = block.marks[i] if block.marks else [0] * len(cells)
        shown = [f"{n} ({m} ≈)" if m else str(n) for n, m in zip(cells, marks, strict=True)]
        rows.append((name, *shown))
    return _table(("", *block.columns), rows, 1)


def _document(document: Mapping[str, Any]) -> list[str]:
    lines = ["", f"**{_escape(document['name'])}**"]
    for head, found in document["heads"].items():
        gold, predicted = (", ".join(found[side]) or "–" for side in ("gold", "predicted"))
        confidence = found["confidence"]
        lines.append(f"- {_escape(f'{head}: {gold}, predicted {predicted} ({confidence:.2f})')}")
    for side in ("gold", "predicted"):
        lines.append(f"- {side}: {''.join(_piece(*piece) for piece in pieces(document, side))}")
    return lines


def _piece(text: str, span: Mapping[str, Any] | None) -> str:
    if span is None:
        return _escape(text)
    return f"**{_escape(text)}** ({_escape(span['label'])}{'' if span['right'] else ' ✘'})"


def _escape(text: str) -> str:
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
