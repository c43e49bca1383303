"""Counts by document add up to what spaCy and the head scores say."""

from __future__ import annotations

import random

import numpy as np
import pytest
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from xinzhi.components.cats_scorer import Row, head_table
from xinzhi.evaluation.counts import entity_counts, head_counts, judge

from .conftest import MakeDoc
from .random_entities import LABELS, random_example


@pytest.mark.parametrize("seed", range(10))
def test_sums_are_those_of_spacy(seed: int) -> None:
    rng = random.Random(seed)
    examples = [random_example(rng, missing=0.3) for _ in range(12)]
    counts = entity_counts(map(judge, examples), LABELS)
    assert counts.tp.shape == (12, 3)
    assert counts.stacked().shape == (12, 3, 3)
    tp, fp, fn = (cells.sum() for cells in (counts.tp, counts.fp, counts.fn))
    prf = get_ner_prf(examples)
    assert tp
    assert (tp / (tp + fp), tp / (tp + fn)) == pytest.approx((prf["ents_p"], prf["ents_r"]))


def test_other_tokens_and_another_key(make_doc: MakeDoc) -> None:
    gold = make_doc("医保码真好", [(0, 3, "X")])
    words = Doc(gold.vocab, words=["医保码", "真", "好"], spaces=[False] * 3)
    words.ents = [Span(words, 0, 1, "X"), Span(words, 2, 3, "Y")]
    judged = judge(Example(words, gold))
    assert [entity.span for entity in judged.predicted] == [(0, 3, "X"), (4, 5, "Y")]
    assert judged.right() == [True, False]
    counts = entity_counts([judged], key=lambda label, text: f"{text}/{label}")
    assert counts.labels == ["医保码/X", "好/Y"]
    assert counts.tp.tolist() == [[1, 0]]
    assert counts.fp.tolist() == [[0, 1]]


def test_documents_without_annotation_count_nothing(make_doc: MakeDoc) -> None:
    gold = make_doc("医保码", None)
    predicted = make_doc("医保码", [(0, 3, "X")])
    assert entity_counts([judge(Example(predicted, gold))]).tp.shape == (1, 0)
    assert entity_counts([]).labels == []


def test_heads_by_document() -> None:
    rows: list[Row] = [({"a": 1.0, "b": 0.0}, ["a", "b"], {}), ({"a": 1.0}, ["b"], {})]
    counts = head_counts(rows)
    assert counts.tp.tolist() == [[1, 0], [0, 0]]
    assert counts.fp.tolist() == [[0, 1], [0, 0]]
    assert counts.fn.tolist() == [[0, 0], [1, 0]]
    for cells, total in zip(counts.stacked().sum(0), head_table(rows).counts(), strict=True):
        assert np.array_equal(cells, total)
