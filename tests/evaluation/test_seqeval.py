"""Entity and token scores equal those of seqeval (strict, BIO2) and scikit-learn."""

from __future__ import annotations

import random
from typing import Any

import pytest
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import classification_report as tag_report
from spacy.training import Example, offsets_to_biluo_tags

from xinzhi.evaluation.counts import judge
from xinzhi.evaluation.evaluate import entity_scores
from xinzhi.evaluation.metrics import tag_scores
from xinzhi.evaluation.report.entities import entity_detail
from xinzhi.evaluation.tags import aligned_tags, bio

from .random_entities import LABELS, random_example

KEYS = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}


def tags(example: Example, side: str) -> list[str]:
    """BIO tags from character offsets, by spaCy's own conversion."""
    doc = getattr(example, side)
    offsets = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
    return [bio(tag) for tag in offsets_to_biluo_tags(doc, offsets)]


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for ours, theirs in KEYS.items():
        if found[ours] is not None:  # n/a: seqeval and scikit-learn say 0
            assert found[ours] == pytest.approx(expected[theirs], abs=5e-5)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("seed", range(4))
def test_entities_as_seqeval(lang: str, seed: int) -> None:
    rng = random.Random(seed)
    examples = [random_example(rng, lang) for _ in range(20)]
    gold, predicted = ([tags(eg, side) for eg in examples] for side in ("reference", "predicted"))
    expected = classification_report(
        gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    scores = entity_scores(examples)
    same(scores, expected["micro avg"])
    assert 0.1 < scores["f1"] < 0.9
    for label in LABELS:
        same(scores["labels"][label], expected[label])
    detail = entity_detail([judge(example) for example in examples], list(LABELS))
    for name in ("micro", "macro", "weighted"):
        same(detail[name], expected[f"{name} avg"])


def test_tokens_as_scikit_learn_with_and_without_o() -> None:
    rng = random.Random(0)
    gold, predicted = aligned_tags([random_example(rng) for _ in range(20)])
    scores = tag_scores(gold, predicted)
    kinds = ("micro", "macro", "weighted")
    report = tag_report(gold, predicted, output_dict=True, zero_division=0)
    assert scores["accuracy"] == pytest.approx(report["accuracy"])
    for name in ("macro", "weighted"):
        same(scores[name], report[f"{name} avg"])
    entity = [label for label in scores["labels"] if label != "O"]
    report = tag_report(gold, predicted, labels=entity, output_dict=True, zero_division=0)
    for name in kinds:
        same(scores["without_O"][name], report[f"{name} avg"])
    for label in entity:
        same(scores["labels"][label], report[label])
