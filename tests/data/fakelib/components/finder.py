"""A component; compare `fakelib.Report.v1`, which it does not need at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Config

from .. import maths

if TYPE_CHECKING:
    from ..training.report import Report

DEFAULT = """
[fakelib_finder]
word = "智慧"

[fakelib_finder.weight]
@misc = "fakelib.Weight.v1"
value = 0.5
"""


@Language.factory("fakelib_finder", default_config=Config().from_str(DEFAULT)["fakelib_finder"])
def make_finder(nlp: Language, name: str, word: str, weight: float) -> Finder:
    return Finder(name, word, weight)


class Finder:
    report: Report

    def __init__(self, name: str, word: str, weight: float) -> None:
        self.name = name
        self.word = word
        self.weight = weight

    def __call__(self, doc: Doc) -> Doc:
        if "!" in doc.text:
            from ..errors import FakeError

            raise FakeError(doc.text)
        start = doc.text.find(self.word)
        span = doc.char_span(start, start + len(self.word), label="WORD") if start >= 0 else None
        doc.ents = [span] if span else []
        doc.cats = {"found": maths.halve(self.weight) if span else 0.0}
        return doc
