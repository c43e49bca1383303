"""Whether the dev corpus is annotated for the scores that training selects the best pipeline by.

A score without annotation is None, which spaCy leaves out of the weighted sum: with nothing left
every pipeline scores 0.0, and the "best" one is the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from spacy.tokens import Doc
from spacy.training import Example

from ..errors import XinzhiError

TOKEN_SCORES = {
    "ents": "ENT_IOB",
    "tag": "TAG",
    "pos": "POS",
    "morph": "MORPH",
    "lemma": "LEMMA",
    "dep": "DEP",
    "sents": "SENT_START",
}
# A name between cats_ and the measure is a head, but for spaCy's own cats_macro_auc.
HEAD_SCORE = re.compile(r"cats_(?!macro_auc)(.+)_(?:acc|macro_f|auc)")
SPANS_SCORE = re.compile(r"spans_(.+)_[prf]")
VALUE_SCORE = re.compile(r"score_(.+)_(?:mae|rmse|spearman|r2)")


def check_dev_annotation(
    examples: Iterable[Example], weights: dict[str, float | None], where: str
) -> None:
    """Check that each score with a weight can be computed on the dev corpus.

    Scores of unknown names are left alone. Reading stops when every score has been found.

    examples (Iterable[Example]): The dev corpus.
    weights (dict): The setting training.score_weights.
    where (str): Which config that is, for the message.
    RAISES (XinzhiError): The corpus is empty, or not one of its documents has the annotation.
    """
    missing = [name for name, weight in weights.items() if weight]
    documents = 0
    for documents, example in enumerate(examples, 1):  # noqa: B007
        missing = [name for name in missing if not has_annotation(example.reference, name)]
        if not missing:
            return
    if not documents:
        raise XinzhiError(
            f"{where}: the dev corpus holds no document.",
            "Set paths.dev to a corpus that has some: xinzhi convert FILE.jsonl FOLDER",
        )
    if missing:
        raise XinzhiError(
            f"{where}: none of the {documents} dev documents is annotated for "
            f"{', '.join(missing)}, so the best pipeline cannot be chosen by it.",
            "Annotate the dev corpus, or take the score out: "
            f"--training.score_weights.{missing[0]} null",
        )


def has_annotation(doc: Doc, score: str) -> bool:
    """RETURNS (bool): Whether a document has what a score of this name is computed from.

    True for a name that is not one of spaCy's or ours.
    """
    if head := HEAD_SCORE.fullmatch(score):
        return any(key.startswith(f"{head[1]}/") for key in doc.cats)
    if spans := SPANS_SCORE.fullmatch(score):
        return spans[1] in doc.spans
    if value := VALUE_SCORE.fullmatch(score):
        return value[1] in doc.user_data.get("scores", {})
    kind = score.partition("_")[0]
    if kind in TOKEN_SCORES:
        return doc.has_annotation(TOKEN_SCORES[kind])
    if kind == "cats":
        return bool(doc.cats)
    return kind != "score" or bool(doc.user_data.get("scores"))
