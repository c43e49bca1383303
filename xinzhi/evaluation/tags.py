"""Entity annotation as one BIO tag per token."""

from __future__ import annotations

from collections.abc import Iterable

from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.iob_utils import doc_to_biluo_tags

_BILUO_TO_BIO = {"B": "B", "U": "B", "I": "I", "L": "I"}


def aligned_tags(examples: Iterable[Example]) -> tuple[list[str], list[str]]:
    """Gold and predicted BIO tags of all predicted tokens whose gold tag is known.

    Left out: tokens without entity annotation (missing), and tokens that no gold tag can be
    aligned to, because a gold entity begins or ends inside them.

    examples (Iterable[Example]): Predicted and reference documents.
    RETURNS (Tuple[List[str], List[str]]): The gold tags and the predicted tags.
    """
    gold: list[str] = []
    predicted: list[str] = []
    for example in examples:
        tags = zip(example.get_aligned_ner(), _tags(example.predicted), strict=True)
        for gold_tag, predicted_tag in tags:
            if gold_tag not in (None, "-", ""):
                gold.append(bio(gold_tag))
                predicted.append(bio(predicted_tag))
    return gold, predicted


def bio(tag: str) -> str:
    """RETURNS (str): A BILUO tag as a BIO tag; "-" (missing) counts as O."""
    return _BILUO_TO_BIO[tag[0]] + tag[1:] if tag[0] in _BILUO_TO_BIO else "O"


def _tags(doc: Doc) -> list[str]:
    return doc_to_biluo_tags(doc, missing="O")
