"""Tags: one per token, aligned, missing ones left out."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from xinzhi.evaluation.tags import aligned_tags, bio

from .conftest import MakeDoc


@pytest.mark.parametrize(
    ("biluo", "expected"),
    [
        ("O", "O"),
        ("B-X", "B-X"),
        ("I-X", "I-X"),
        ("L-X", "I-X"),
        ("U-一-二", "B-一-二"),
        ("-", "O"),
    ],
)
def test_bio(biluo: str, expected: str) -> None:
    assert bio(biluo) == expected


def test_tags_of_a_document(make_doc: MakeDoc) -> None:
    gold = make_doc("用一网通办好", [(1, 5, "X"), (5, 6, "Y")])
    predicted = make_doc("用一网通办好", [(1, 3, "X")])
    assert aligned_tags([Example(predicted, gold)]) == (
        ["O", "B-X", "I-X", "I-X", "I-X", "B-Y"],
        ["O", "B-X", "I-X", "O", "O", "O"],
    )


def test_missing_tokens_are_left_out(make_doc: MakeDoc) -> None:
    gold = make_doc("甲乙丙丁")
    gold.set_ents([Span(gold, 0, 1, "X")], missing=[gold[2:4]], default="outside")
    assert aligned_tags([Example(make_doc("甲乙丙丁", []), gold)]) == (["B-X", "O"], ["O", "O"])


def test_another_tokenisation(make_doc: MakeDoc) -> None:
    nlp = spacy.blank("zh")
    predicted = Doc(nlp.vocab, words=["一网通办", "真好"], spaces=[False, False])
    gold = make_doc("一网通办真好", [(0, 5, "X")])  # ends inside the token 真好
    assert aligned_tags([Example(predicted, gold)]) == ([], [])
    gold = make_doc("一网通办真好", [(0, 4, "X")])
    assert aligned_tags([Example(predicted, gold)])[0] == ["B-X", "O"]
