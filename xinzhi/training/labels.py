"""Labels that new annotation has and a trained pipeline has not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..components.heads import read_head_statistics, settle_heads
from ..errors import XinzhiError
from ..head_keys import join_key


@dataclass(frozen=True)
class Labels:
    """Labels of a pipeline, or new ones.

    entities (list): Entity labels.
    cats (list): Labels of heads that are there, as "head/label".
    heads (list): New heads: name, whether it is exclusive, labels.
    """

    entities: list[str] = field(default_factory=list)
    cats: list[str] = field(default_factory=list)
    heads: list[tuple[str, bool, list[str]]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """RETURNS (list): The labels as `xinzhi compare` names them."""
        return [f"entities/{label}" for label in self.entities] + [
            f"heads/{key}" for key in self.cats
        ]

    def __bool__(self) -> bool:
        return bool(self.entities or self.cats or self.heads)


def known_labels(nlp: Language) -> Labels:
    """RETURNS (Labels): What a pipeline can predict."""
    entities = [label for pipe in finders(nlp) for label in getattr(pipe, "labels", ())]
    cats = [key for pipe in classifiers(nlp) for key in pipe.labels]
    return Labels(entities, cats)


def find_new_labels(nlp: Language, docs: Sequence[Doc]) -> Labels:
    """Find what has to be added to a pipeline before it can learn from documents.

    nlp (Language): The pipeline.
    docs (Sequence[Doc]): Gold documents.
    RETURNS (Labels): The new labels, sorted.
    RAISES (XinzhiError): The documents have entities or heads, and no component takes them.
    """
    known = known_labels(nlp)
    entities = {ent.label_ for doc in docs for ent in doc.ents} - set(known.entities)
    if entities and not finders(nlp):
        raise _no_component(f"the entity label '{min(entities)}'", "xinzhi_ner")
    statistics = read_head_statistics(docs, None)
    old_heads = {name for pipe in classifiers(nlp) for name in pipe.cfg["heads"]}
    cats = [
        join_key(head, label)
        for head in sorted(old_heads & set(statistics))
        for label, count in sorted(statistics[head].positives.items())
        if count and join_key(head, label) not in known.cats
    ]
    fresh = {name: seen for name, seen in statistics.items() if name not in old_heads}
    if fresh and not classifiers(nlp):
        raise _no_component(f"the head '{min(fresh)}'", "xinzhi_cats")
    settled = settle_heads(None, fresh) if fresh else []
    heads = [(head.name, head.exclusive, head.labels) for head in settled]
    return Labels(sorted(entities), cats, heads)


def add_labels(nlp: Language, new: Labels) -> None:
    """Extend the heads of a pipeline; the weights of the labels that they have are kept.

    nlp (Language): The pipeline.
    new (Labels): From `find_new_labels`.
    """
    for label in new.entities:
        finders(nlp)[0].add_label(label)
    for pipe in classifiers(nlp):
        for key in new.cats:
            if key.partition("/")[0] in pipe.cfg["heads"]:
                pipe.add_label(key)
    for name, exclusive, labels in new.heads:
        classifiers(nlp)[0].add_head(name, list(labels), exclusive)


def finders(nlp: Language) -> list[Any]:
    """RETURNS (list): The trainable components that set `doc.ents`."""
    return [
        pipe
        for name, pipe in nlp.components
        if "doc.ents" in nlp.get_pipe_meta(name).assigns and getattr(pipe, "is_trainable", False)
    ]


def classifiers(nlp: Language) -> list[Any]:
    """RETURNS (list): The components with named heads (`xinzhi_cats`)."""
    return [pipe for _, pipe in nlp.components if hasattr(pipe, "add_head")]


def labels_of(doc: Doc) -> list[str]:
    """RETURNS (list): What a gold document is annotated with: entity labels, true categories."""
    cats = [key for key, value in doc.cats.items() if value >= 0.5]
    return [*dict.fromkeys(ent.label_ for ent in doc.ents), *cats]


def _no_component(what: str, factory: str) -> XinzhiError:
    return XinzhiError(
        f"The new texts are annotated with {what}, and the pipeline has no component for it.",
        f"Train a pipeline with {factory}, or leave that annotation out (xinzhi convert).",
    )
