"""Document by document: what a system got right, and what wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spacy.tokens import Doc
from spacy.training import Example

from ...components.cats_scorer import decisions_of, head_table
from ...components.score_values import gold_scores
from ...head_keys import PLAIN, group_cats
from ..counts import judge
from ..heads import decided_heads
from .systems import System

Entity = tuple[int, int, str]  # first character, end, label


@dataclass(frozen=True)
class EntityOutcome:
    """The entities of one document. Those over tokens without annotation are in none of the lists.

    right, wrong (list): Predicted.
    missed (list): Gold ones that were not predicted.
    """

    right: list[Entity]
    wrong: list[Entity]
    missed: list[Entity]


@dataclass(frozen=True)
class HeadOutcome:
    """One head of one document.

    gold, decided (list): Labels.
    counts (dict): Label -> true positive, false positive, false negative, 0 or 1 each.
    """

    gold: list[str]
    decided: list[str]
    counts: dict[str, tuple[int, int, int]]

    @property
    def is_right(self) -> bool:
        return not any(fp or fn for _, fp, fn in self.counts.values())


@dataclass
class Outcome:
    """One document.

    entities (EntityOutcome | None): None if it carries no entity annotation, or the system
        predicts none anywhere.
    heads (dict): Head that it carries and the system predicts -> outcome.
    scores (dict): Real value that it carries and the system predicts -> gold and predicted.
    """

    entities: EntityOutcome | None = None
    heads: dict[str, HeadOutcome] = field(default_factory=dict)
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """RETURNS (int): Entities that are wrong or missed, and heads that are wrong."""
        entities = len(self.entities.wrong + self.entities.missed) if self.entities else 0
        return entities + sum(not head.is_right for head in self.heads.values())


def read_outcomes(system: System) -> list[Outcome]:
    """RETURNS (list): An outcome for each document of the corpus, in its order."""
    tags = any(eg.predicted.has_annotation("ENT_IOB") for eg in system.examples)
    outcomes = [
        Outcome(entity_outcome(eg) if tags else None, scores=_scores(eg)) for eg in system.examples
    ]
    for head, rows in decided_heads(system.examples, system.thresholds).items():
        if rows:
            documents = _documents_of(head, system.examples)
            for document, found in zip(documents, _head_outcomes(rows), strict=True):
                outcomes[document].heads[head] = found
    return outcomes


def entity_outcome(example: Example) -> EntityOutcome | None:
    """RETURNS (EntityOutcome): Its entities, judged as spaCy's scorer does (see `counts.judge`);
    None if the gold document carries no entity annotation."""
    if not example.reference.has_annotation("ENT_IOB"):
        return None
    judged = judge(example)
    missed = {entity.span: entity for entity in judged.gold}
    right: list[Entity] = []
    wrong: list[Entity] = []
    for entity in judged.predicted:
        hit = missed.pop(entity.span, None)
        (wrong if hit is None else right).append((*entity.chars, entity.label))
    return EntityOutcome(right, wrong, [(*e.chars, e.label) for e in missed.values()])


def _scores(example: Example) -> dict[str, tuple[float, float]]:
    predicted = example.predicted._.scores if Doc.has_extension("scores") else {}
    gold = gold_scores(example.reference, {})
    return {name: (gold[name], predicted[name]) for name in gold if name in predicted}


def _documents_of(head: str, examples: Sequence[Example]) -> list[int]:
    """RETURNS (list): The documents that the rows of a head stand for (see `decided_heads`)."""
    carry = [
        i
        for i, example in enumerate(examples)
        if head in group_cats(example.reference.cats, plain=PLAIN)
    ]
    return [i for i in carry if head in decisions_of(examples[i].predicted)] or carry


def _head_outcomes(rows: list) -> list[HeadOutcome]:
    table = head_table(rows)
    found = []
    for truth, guess, known in zip(table.truth, table.guess, table.known, strict=True):
        cells = zip(table.labels, truth.tolist(), guess.tolist(), known.tolist(), strict=True)
        counts = {
            label: (int(t and g), int(g and not t), int(t and not g))
            for label, t, g, k in cells
            if k and (t or g)
        }
        gold = [label for label, (tp, _, fn) in counts.items() if tp or fn]
        decided = [label for label, (tp, fp, _) in counts.items() if tp or fp]
        found.append(HeadOutcome(gold, decided, counts))
    return found
