"""A text cut at its entities, to be shown as displaCy does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LONG = 400  # characters; of longer texts only what surrounds the errors is shown
AROUND = 80
CUT = " … "
Piece = tuple[str, Mapping[str, Any] | None]


def pieces(document: Mapping[str, Any], side: str) -> list[Piece]:
    """Cut the text of a document.

    document (Mapping): See `worst.worst_documents`.
    side (str): "gold" or "predicted".
    RETURNS (list): Text and the entity it is, or None.
    """
    text = document["text"]
    spans = [span for span in document["entities"] if span["side"] == side]
    found: list[Piece] = []
    for start, end in windows(text, [span for span in document["entities"] if not span["right"]]):
        if start:
            found.append((CUT, None))
        place = start
        for span in sorted(spans, key=lambda span: span["start"]):
            if start <= span["start"] and span["end"] <= end:
                found.append((text[place : span["start"]], None))
                found.append((text[span["start"] : span["end"]], span))
                place = span["end"]
        found.append((text[place:end], None))
        if end < len(text):
            found.append((CUT, None))
    return [
        piece for i, piece in enumerate(found) if piece[0] and piece != (found[i - 1] if i else 0)
    ]


def windows(text: str, wrong: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """RETURNS (list): The ranges of a text to show: all of it, or of a long one what surrounds the
    wrong entities, or its beginning if there are none."""
    if len(text) <= LONG:
        return [(0, len(text))]
    found: list[tuple[int, int]] = []
    for span in sorted(wrong, key=lambda span: span["start"]):
        start, end = max(0, span["start"] - AROUND), min(len(text), span["end"] + AROUND)
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found or [(0, LONG)]
