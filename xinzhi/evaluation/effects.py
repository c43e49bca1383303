"""Which entities move a score: what the prediction would be without them, and simple rivals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example

from ..components.score import ScorePredictor, with_gold_entities
from ..components.score_scorer import measure, value_pairs
from ..components.score_values import GOLD_KEY
from ..errors import XinzhiError
from ..training.checks import check_corpus
from .evaluate import predict_corpus
from .intervals import bootstrap

LEAST = 5  # documents with an entity, for an effect to be reported


@dataclass(frozen=True)
class Effect:
    """What an entity does to a score.

    label, entity (str): The entity.
    documents (int): How many documents name it.
    effect (float): The mean change of the prediction when it is named, all else being equal.
    interval (list): Of the effect, 95 %, by bootstrap over documents.
    observed (float | None): The mean gold score of documents with it, less that of the others.
    """

    label: str
    entity: str
    documents: int
    effect: float
    interval: list[float] | None
    observed: float | None


def find_effects(
    pipeline: str, corpus: Path, train: Path, name: str, least: int = LEAST
) -> tuple[list[Effect], dict[str, dict[str, Any]]]:
    """Measure what moves a score, and how well the pipeline predicts it.

    pipeline (str): What `spacy.load` takes.
    corpus, train (Path): Gold documents to look at, and those of the training.
    name (str): The score.
    least (int): Entities in fewer documents are left out.
    RETURNS (tuple): `measure_effects`, `compare_with_baselines`.
    RAISES (XinzhiError): See there; or something cannot be read.
    """
    done = predict_corpus(pipeline, corpus)
    check_corpus(train, "--train")
    known = [example.reference for example in Corpus(train)(done.nlp)]
    scores = compare_with_baselines(done.examples, known, name)
    return measure_effects(done.nlp, done.examples, name, least), scores


def measure_effects(
    nlp: Language, examples: Sequence[Example], name: str, least: int = LEAST
) -> list[Effect]:
    """Predict every document again without each of its entities.

    nlp (Language): A pipeline with `xinzhi_score` on `xinzhi.InteractionRegressor.v1`.
    examples (Sequence[Example]): Gold documents, and the same without annotation. Entities are
        those of the pipeline; if it finds none, those of the gold documents.
    name (str): The score.
    least (int): Entities in fewer documents are left out.
    RETURNS (list[Effect]): The strongest first.
    RAISES (XinzhiError): If the pipeline has no such score, or it does not look at entities.
    """
    pipe = _score_pipe(nlp, name)
    changes: dict[tuple[str, str], list[float]] = {}
    gold: dict[tuple[str, str], list[float]] = {}
    everything = [eg.reference.user_data.get(GOLD_KEY, {}).get(name) for eg in examples]
    for example, value in zip(examples, everything, strict=True):
        doc = _with_entities(nlp, pipe, example)
        for key, change in _changes(pipe, doc, name).items():
            changes.setdefault(key, []).append(change)
            gold.setdefault(key, []).extend([] if value is None else [value])
    values = np.array([value for value in everything if value is not None])
    found = [
        _effect(key, rows, gold[key], values) for key, rows in changes.items() if len(rows) >= least
    ]
    return sorted(found, key=lambda effect: -abs(effect.effect))


def _score_pipe(nlp: Language, name: str) -> ScorePredictor:
    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, ScorePredictor)]
    found = [pipe for pipe in pipes if name in pipe.labels]
    if not found:
        known = [label for pipe in pipes for label in pipe.labels]
        raise XinzhiError(
            f"The pipeline predicts no score '{name}'.", f"It has: {', '.join(known) or 'none'}."
        )
    if found[0].model.attrs["read_docs"] is None:
        raise XinzhiError(
            f"The score '{name}' does not look at entities.",
            "Train it with xinzhi.InteractionRegressor.v1 (configs/productivity.cfg).",
        )
    return found[0]


def _with_entities(nlp: Language, pipe: ScorePredictor, example: Example) -> Doc:
    """RETURNS (Doc): The document after all components before the score, with entities."""
    doc = nlp.make_doc(example.reference.text)
    for _, component in nlp.pipeline:
        if component is pipe:
            break
        doc = component(doc)
    if not doc.ents:
        gold = with_gold_entities(Example(nlp.make_doc(doc.text), example.reference))
        doc.ents = [Span(doc, ent.start, ent.end, label=ent.label) for ent in gold.ents]
    return doc


def _changes(pipe: ScorePredictor, doc: Doc, name: str) -> dict[tuple[str, str], float]:
    """RETURNS (dict): (label, entity) -> the prediction less the one without it."""
    entities = list(doc.ents)
    whole = pipe.predict([doc])[name][0]
    found = {}
    for key in {(ent.label_, ent.text) for ent in entities}:
        doc.ents = [ent for ent in entities if (ent.label_, ent.text) != key]
        found[key] = float(whole - pipe.predict([doc])[name][0])
    doc.ents = entities
    return found


def _effect(
    key: tuple[str, str], changes: list[float], gold: list[float], values: np.ndarray
) -> Effect:
    rows = np.array(changes)[:, None]
    (interval,) = bootstrap(rows, lambda sums: sums / len(rows))
    others = len(values) - len(gold)
    observed = None
    if gold and others:
        observed = float(np.mean(gold) - (values.sum() - np.sum(gold)) / others)
    return Effect(*key, len(rows), float(rows.mean()), interval, observed)


def compare_with_baselines(
    predicted: Sequence[Example], train: Iterable[Doc], name: str
) -> dict[str, dict[str, Any]]:
    """Score the pipeline beside what needs no encoder.

    predicted (Sequence[Example]): Predicted and gold documents.
    train (Iterable[Doc]): The gold documents of the training corpus.
    name (str): The score.
    RETURNS (dict): "pipeline", "mean" (of the training corpus), "labels" (ridge regression on how
        many entities of each label are named), "entities" (on which are named), each with mae,
        rmse, spearman, r2, n. The two regressions see the gold entities.
    RAISES (XinzhiError): If no document carries the score.
    """
    known = [doc for doc in train if name in doc.user_data.get(GOLD_KEY, {})]
    test = [eg.reference for eg in predicted if name in eg.reference.user_data.get(GOLD_KEY, {})]
    if not known or not test:
        raise XinzhiError(f"No document carries the score '{name}'.", "Name another corpus.")
    y, want = ([doc.user_data[GOLD_KEY][name] for doc in docs] for docs in (known, test))
    guesses = {
        "mean": np.full(len(test), np.mean(y)),
        "labels": _regression(known, y, test, lambda ent: ent.label_),
        "entities": _regression(known, y, test, lambda ent: f"{ent.label_}/{ent.text}"),
    }
    rows = {"pipeline": measure(np.array(value_pairs(predicted).get(name, [])).reshape(-1, 2))}
    return {
        **rows,
        **{key: measure(np.column_stack([want, guess])) for key, guess in guesses.items()},
    }


def _regression(
    train: Sequence[Doc], values: Sequence[float], test: Sequence[Doc], key: Callable[[Span], str]
) -> np.ndarray:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import Ridge

    vectorizer = DictVectorizer()
    table = vectorizer.fit_transform([_counts(doc, key) for doc in train])
    model = Ridge(alpha=1.0).fit(table, values)
    return model.predict(vectorizer.transform([_counts(doc, key) for doc in test]))


def _counts(doc: Doc, key: Callable[[Span], str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for ent in doc.ents:
        counts[key(ent)] = counts.get(key(ent), 0) + 1
    return counts


def effects_dict(
    name: str, effects: Sequence[Effect], scores: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """RETURNS (dict): Everything as JSON values."""
    return {"score": name, "scores": scores, "effects": [asdict(effect) for effect in effects]}
