"""Compare our entity scores with seqeval's (strict, BIO2) on any converted corpus.

python scripts/compare_seqeval.py TRAIN.spacy TEST.spacy --lang en

The pipeline looks up the entities of TRAIN in TEST, then errors of every kind are added at random.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Annotated

import spacy
import typer
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example, offsets_to_biluo_tags
from spacy.util import filter_spans

from xinzhi.evaluation.counts import judge
from xinzhi.evaluation.evaluate import Predictions, predict_corpus, read_examples, score
from xinzhi.evaluation.report.entities import entity_detail
from xinzhi.evaluation.tags import bio

NAMES = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}
Differences = list[tuple[str, str, float | None, float]]


def lookup_pipeline(train: Path, lang: str) -> Language:
    """RETURNS (Language): A pipeline that finds the entities of a corpus again."""
    nlp = spacy.blank(lang)
    surfaces: dict[str, Counter[str]] = {}
    for example in read_examples(nlp, train):
        for ent in example.reference.ents:
            surfaces.setdefault(ent.text, Counter())[ent.label_] += 1
    patterns = [
        {"label": labels.most_common(1)[0][0], "pattern": surface}
        for surface, labels in surfaces.items()
    ]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)  # type: ignore[attr-defined]
    return nlp


def disturb(example: Example, labels: list[str], rng: random.Random) -> None:
    """Mix half of the gold entities into the predicted ones, and move, rename or drop some."""
    doc = example.predicted
    aligned = example.get_aligned_spans_y2x(example.reference.ents)
    spans = [(span.start, span.end, span.label_) for span in [*doc.ents, *aligned]]
    found = []
    for start, end, label in spans:
        chance = rng.random()
        if chance < 0.3:
            continue
        if chance < 0.4:
            end = min(len(doc), end + 1)
        elif chance < 0.5:
            start = max(0, start - 1)
        elif chance < 0.6:
            label = rng.choice(labels)
        found.append(Span(doc, start, end, label))
    doc.ents = filter_spans(found)


def tags(doc: Doc) -> list[str]:
    """RETURNS (list): BIO tags by spaCy's own conversion of offsets."""
    offsets = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
    return [bio(tag) for tag in offsets_to_biluo_tags(doc, offsets)]


def drop_unknown(example: Example) -> int:
    """Leave out predictions on tokens without annotation, which BIO tags cannot express.

    RETURNS (int): How many.
    """
    known = [token.ent_iob != 0 for token in example.reference]
    kept = [ent for ent in example.predicted.ents if all(known[ent.start : ent.end])]
    dropped = len(example.predicted.ents) - len(kept)
    example.predicted.ents = kept
    return dropped


def differences(predictions: Predictions) -> tuple[Differences, int]:
    """RETURNS (tuple): Values that differ in the fourth decimal, and how many were compared."""
    examples = predictions.examples
    gold, predicted = ([tags(getattr(eg, s)) for eg in examples] for s in ("y", "x"))
    theirs = classification_report(
        gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    scores = score(predictions)["entities"]
    detail = entity_detail([judge(eg) for eg in examples], list(scores["labels"]))
    rows = {label: row for label, row in scores["labels"].items() if label in theirs}
    rows |= {f"{kind} avg": detail[kind] for kind in ("micro", "macro", "weighted")}
    found = []
    for name, row in rows.items():
        for ours, key in NAMES.items():
            value = 0.0 if row[ours] is None else row[ours]  # seqeval has 0 for n/a
            if f"{value:.4f}" != f"{theirs[name][key]:.4f}":
                found.append((name, ours, row[ours], float(theirs[name][key])))
    overall = detail["micro"]
    print(
        f"micro: precision {overall['precision']:.4f}, recall {overall['recall']:.4f}, "
        f"F1 {overall['f1']:.4f}; seqeval {theirs['micro avg']['f1-score']:.4f}"
    )
    return found, len(rows) * len(NAMES)


def main(
    train: Annotated[Path, typer.Argument(help="The entities to look up")],
    test: Annotated[Path, typer.Argument(help="The corpus to score on")],
    lang: Annotated[str, typer.Option(help="Language of the tokeniser")] = "zh",
    seed: Annotated[int, typer.Option(help="Of the added errors")] = 0,
) -> None:
    """Print the scores of both; fail if one of them differs in the fourth decimal."""
    predictions = predict_corpus(lookup_pipeline(train, lang), test)
    labels = sorted({ent.label_ for eg in predictions.examples for ent in eg.reference.ents})
    rng = random.Random(seed)
    dropped = 0
    for example in predictions.examples:
        disturb(example, labels, rng)
        dropped += drop_unknown(example)
    found, compared = differences(predictions)
    for name, key, ours, theirs in found:
        print(f"✘ {name}, {key}: {ours} here, {theirs} in seqeval")
    print(f"{len(predictions.examples)} documents, {dropped} predictions left out, ", end="")
    print(f"{compared} values compared, {len(found)} differ")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    typer.run(main)
