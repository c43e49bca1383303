"""What the linter has to know about a corpus, from one pass over its files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

ENOUGH = 20_000  # documents; what a larger corpus holds beyond that is not looked at


@dataclass
class CorpusFacts:
    """What a corpus holds.

    lengths (list): Tokens of each document.
    labels (Counter): "entity X" and "category X" -> how often; categories from 0.5 on.
    texts (set): Hash of each text.
    complete (bool): Whether the whole corpus has been looked at.
    """

    lengths: list[int] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    texts: set[int] = field(default_factory=set)
    complete: bool = True

    def add(self, doc: Doc) -> None:
        """Count one document."""
        self.lengths.append(len(doc))
        self.texts.add(hash(doc.text))
        self.labels.update(f"entity {span.label_}" for span in doc.ents)
        self.labels.update(f"category {name}" for name, value in doc.cats.items() if value >= 0.5)


def read_facts(section: dict[str, Any]) -> CorpusFacts | None:
    """Look at the files of a corpus.

    section (dict): The config of its reader: one `path`, or `sources` with a path each.
    RETURNS (CorpusFacts): What they hold; None if the reader names no file.
    """
    sources = section.get("sources")
    parts = list(sources.values()) if isinstance(sources, dict) else [section]
    paths = [Path(str(part["path"])) for part in parts if part.get("path")]
    if not paths or not all(path.exists() for path in paths):
        return None
    facts = CorpusFacts()
    for path in paths:
        _read(path, section.get("limit") or 0, facts)
    return facts


def _read(path: Path, limit: int, facts: CorpusFacts) -> None:
    vocab = Vocab()
    count = 0
    for file in [path] if path.is_file() else sorted(path.rglob("*.spacy")):
        for doc in DocBin().from_disk(file).get_docs(vocab):
            if limit and count >= limit:
                return
            if len(facts.lengths) >= ENOUGH:
                facts.complete = False
                return
            facts.add(doc)
            count += 1
