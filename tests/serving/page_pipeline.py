"""A pipeline that predicts everything the page can show, by rule."""

from __future__ import annotations

from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from xinzhi.components.cats import set_extensions as set_cats_extensions
from xinzhi.components.ner import set_extensions as set_ner_extensions

from .util import saved

ENTITIES = {"刷脸门禁": ("设备", 0.9), "一网通办": ("服务", 0.6), "Hangzhou": ("PLACE", 0.3)}


@Language.factory("page_test_model")
class PageTestModel:
    """Marks the entities above, spans that overlap, a head that abstains, and a score."""

    def __init__(self, nlp: Language, name: str) -> None:
        set_ner_extensions()
        set_cats_extensions()
        if not Doc.has_extension("scores"):
            Doc.set_extension("scores", default={})
        self.labels = ("设备", "服务", "PLACE", "mood/好", "mood/坏")

    def __call__(self, doc: Doc) -> Doc:
        found = []
        for text, (label, confidence) in ENTITIES.items():
            start = doc.text.find(text)
            if start >= 0:
                span = doc.char_span(start, start + len(text), label=label)
                span._.confidence = confidence
                span._.alternatives = [["其他", 0.05]]
                found.append(span)
        doc.set_ents(found)
        doc.cats = {"mood/好": 0.8, "mood/坏": 0.2}
        doc._.abstained = {"mood": {"reason": "margin", "value": 0.6, "limit": 0.7}}
        if "重叠" in doc.text:
            group = [Span(doc, 0, 4, label="甲"), Span(doc, 2, 6, label="乙")]
            doc.spans["sc"] = group
            doc.spans["sc"].attrs["scores"] = [0.7, 0.4]
            doc._.scores = {"满意度": 0.625}
        return doc


def save_pipeline(folder: Path) -> str:
    """RETURNS (str): The folder, with the pipeline in it; its name is the version."""
    nlp = spacy.blank("zh", meta={"version": folder.name})
    nlp.add_pipe("page_test_model")
    folder.mkdir(parents=True)
    return saved(nlp, folder)
