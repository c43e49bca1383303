"""Random gold and predicted entities that agree now and then."""

from __future__ import annotations

import random
from functools import cache

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

LABELS = ("X", "Y", "地点")
TEXTS = {
    "zh": "一网通办和医保码真好用啊",
    "en": "The smart city of Beijing opened a new line to Shanghai .",
}


@cache
def blank(lang: str) -> Language:
    """RETURNS (Language): Made once."""
    return spacy.blank(lang)


def random_example(rng: random.Random, lang: str = "zh", *, missing: float = 0.0) -> Example:
    """RETURNS (Example): A document; with this probability what is no entity is not annotated."""
    nlp = blank(lang)
    gold, predicted = nlp.make_doc(TEXTS[lang]), nlp.make_doc(TEXTS[lang])
    gold.set_ents(_spans(gold, rng), default="missing" if rng.random() < missing else "outside")
    kept = [ent for ent in gold.ents if rng.random() < 0.4]
    if kept:
        predicted.ents = [Span(predicted, ent.start, ent.end, ent.label_) for ent in kept]
    else:
        predicted.ents = _spans(predicted, rng)
    return Example(predicted, gold)


def _spans(doc: Doc, rng: random.Random) -> list[Span]:
    cuts = sorted(rng.sample(range(len(doc) + 1), 6))
    pairs = zip(cuts[::2], cuts[1::2], strict=True)
    return [Span(doc, a, b, rng.choice(LABELS)) for a, b in pairs if rng.random() < 0.8]
