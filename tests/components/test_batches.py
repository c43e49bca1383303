"""What a text is together with in a batch must not matter, to the last digit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from xinzhi.serving.models import set_precision


def answers(doc: Doc) -> dict[str, Any]:
    return {
        "entities": [(e.start, e.end, e.label_, e._.confidence) for e in doc.ents],
        "cats": dict(doc.cats),
        "abstained": doc._.abstained,
    }


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_answers_alone_and_in_any_batch(made: Path, precision: str) -> None:
    nlp = spacy.load(made / "pipeline")
    set_precision(nlp, precision)
    docs = list(DocBin().from_disk(made / "test.spacy").get_docs(nlp.vocab))
    texts = [doc.text for doc in docs] + ["，".join(doc.text for doc in docs[:20]), "", "无"]
    alone = [answers(nlp(text)) for text in texts]
    assert sum(len(answer["entities"]) for answer in alone) > 60
    order = list(range(len(texts)))
    for batch_size in (2, 7, 63):
        random.Random(batch_size).shuffle(order)
        together = nlp.pipe([texts[i] for i in order], batch_size=batch_size)
        for i, doc in zip(order, together, strict=True):
            assert answers(doc) == alone[i], texts[i]
