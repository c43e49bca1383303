"""What new annotation leaves open, answered by the old pipeline where it is sure.

This is distillation on the outputs (Li and Hoiem 2018, "Learning without forgetting"), by way of
the training data: heads get the old probabilities as soft targets, entities are taken over from a
confidence on, and what the old pipeline doubts stays open (missing, so it is summed out).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ..head_keys import join_key
from ..selection.vectors import plain_copy
from ..training.labels import Labels, classifiers, finders

OUTSIDE = 2  # value of token.ent_iob


def complete(
    nlp: Language, docs: Sequence[Doc], new: Labels, annotates: Sequence[str], trust: float
) -> Counter[str]:
    """Fill in what documents are not annotated with, in place.

    A head that gets a new label is left open: the old probabilities say nothing about that label.

    nlp (Language): The old pipeline.
    docs (Sequence[Doc]): Gold documents.
    new (Labels): The labels it does not know.
    annotates (Sequence[str]): The only entity labels that annotators looked for; empty: all.
    trust (float): Entities from this confidence on are taken over.
    RETURNS (Counter): How many "entities", "heads" were taken over, entities were left "open".
    """
    counts: Counter[str] = Counter(entities=0, heads=0, open=0)
    heads = _old_heads(nlp, new)
    asked = [doc for doc in docs if _lacks(doc, heads, annotates, bool(finders(nlp)))]
    guesses = nlp.pipe(plain_copy(doc) for doc in asked)
    for doc, guess in zip(asked, guesses, strict=True):
        for keys in heads:
            if not any(key in doc.cats for key in keys):
                doc.cats = {**doc.cats, **{key: guess.cats[key] for key in keys}}
                counts["heads"] += 1
        if finders(nlp) and (annotates or not doc.has_annotation("ENT_IOB")):
            _fill_entities(doc, guess, bool(new.entities), trust, counts)
    return counts


def open_suspects(docs: Iterable[Doc], surfaces: set[str]) -> int:
    """Leave open what may be an entity of a new label in old texts, whose annotators did not know
    that label: the places, outside entities, that read as one in the new texts.

    docs (Iterable[Doc]): Old gold documents; changed in place.
    surfaces (set): The entities of the new labels, as texts.
    RETURNS (int): How many places.
    """
    count = 0
    for doc in docs:
        spans = [span for surface in surfaces for span in _find(doc, surface)]
        suspects = filter_spans(spans)
        if suspects:
            doc.set_ents([], missing=suspects, default="unmodified")
        count += len(suspects)
    return count


def surfaces_of(docs: Iterable[Doc], labels: Sequence[str], shortest: int = 2) -> set[str]:
    """RETURNS (set): The texts of the entities of some labels, but for very short ones."""
    found = {ent.text for doc in docs for ent in doc.ents if ent.label_ in labels}
    return {text for text in found if len(text) >= shortest}


def _find(doc: Doc, surface: str) -> Iterable[Span]:
    start = doc.text.find(surface)
    while start >= 0:
        span = doc.char_span(start, start + len(surface))
        if span is not None and all(token.ent_iob == OUTSIDE for token in span):
            yield span
        start = doc.text.find(surface, start + 1)


def _old_heads(nlp: Language, new: Labels) -> list[list[str]]:
    """RETURNS (list): What is filled in together: the keys of an exclusive head, and each key of
    any other."""
    extended = {key.partition("/")[0] for key in new.cats}
    found: list[list[str]] = []
    for pipe in classifiers(nlp):
        for head in pipe.heads:
            if head.name not in extended:
                keys = [join_key(head.name, label) for label in head.labels]
                found += [keys] if head.exclusive else [[key] for key in keys]
    return found


def _lacks(doc: Doc, heads: list[list[str]], annotates: Sequence[str], entities: bool) -> bool:
    no_entities = entities and bool(annotates or not doc.has_annotation("ENT_IOB"))
    return no_entities or any(not any(key in doc.cats for key in keys) for keys in heads)


def _fill_entities(doc: Doc, guess: Doc, has_new: bool, trust: float, counts: Counter[str]) -> None:
    """Add the entities that the old pipeline is sure of; those that it doubts are missing.

    All else is outside, unless a new label may be there that nobody looked for.
    """
    annotated = doc.has_annotation("ENT_IOB")
    kept = list(doc.ents)
    taken = {token.i for ent in kept for token in ent}
    free = [ent for ent in guess.ents if taken.isdisjoint(range(ent.start, ent.end))]
    sure = [ent for ent in free if _confidence(ent) >= trust]
    unsure = [doc[ent.start : ent.end] for ent in free if _confidence(ent) < trust]
    added = [Span(doc, ent.start, ent.end, label=ent.label_) for ent in sure]
    default = "missing" if has_new and not annotated else "outside"
    doc.set_ents([*kept, *added], missing=unsure, default=default)
    counts["entities"] += len(added)
    counts["open"] += len(unsure)


def _confidence(ent: Span) -> float:
    """RETURNS (float): 1.0 for entities of components that say nothing about it."""
    value = ent._.confidence if Span.has_extension("confidence") else None
    return 1.0 if value is None else float(value)
