"""Tiny pipelines and annotated texts for the component tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Optimizer

TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 1,
    "embed_size": 500,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}

ENTITIES = {
    "zh": [
        ("杭州上线智慧停车平台。", [(0, 2, "地点"), (4, 8, "技术")]),
        ("居民李雷在上海看病。", [(2, 4, "人物"), (5, 7, "地点")]),
        ("今天没有新闻。", []),
    ],
    "en": [
        ("Hangzhou opens a smart parking platform.", [(0, 8, "PLACE"), (17, 30, "TECH")]),
        ("Li Lei sees a doctor in Shanghai.", [(0, 6, "PERSON"), (24, 32, "PLACE")]),
        ("No news today.", []),
    ],
}

HEADS = {
    "topic": {"labels": ["交通", "医疗", "其他"], "exclusive": True},
    "mood": {"labels": ["好", "坏", "其他"], "exclusive": True},
    "tags": {"labels": ["a", "b"], "exclusive": False},
}

CATEGORIES = {
    "zh": [
        ("地铁又晚点了。", {"topic": "交通", "mood": "坏", "tags": "a"}),
        ("医生很耐心。", {"topic": "医疗", "mood": "好", "tags": "ab"}),
        ("公园里有花。", {"topic": "其他", "mood": "其他", "tags": ""}),
    ],
    "en": [
        ("The subway is late again.", {"topic": "交通", "mood": "坏", "tags": "a"}),
        ("A patient doctor.", {"topic": "医疗", "mood": "好", "tags": "ab"}),
        ("Flowers in the park.", {"topic": "其他", "mood": "其他", "tags": ""}),
    ],
}


def model(architecture: str, **settings: Any) -> dict[str, Any]:
    return {"@architectures": architecture, "tok2vec": TOK2VEC, **settings}


def tagger(**settings: Any) -> dict[str, Any]:
    return model("xinzhi.TokenTagger.v1", **settings)


def classifier(**settings: Any) -> dict[str, Any]:
    return model("xinzhi.DocClassifier.v1", **settings)


def cats_of(values: dict[str, str], heads: dict[str, dict[str, Any]] = HEADS) -> dict[str, float]:
    """Gold categories: 1.0 or 0.0 for every label of the heads that are named."""
    cats = {}
    for head, value in values.items():
        for label in heads[head]["labels"]:
            true = label == value if heads[head]["exclusive"] else label in value
            cats[f"{head}/{label}"] = float(true)
    return cats


def annotated(
    nlp: Language,
    text: str,
    *,
    ents: Iterable[tuple[int, int, str]] | None = None,
    cats: dict[str, float] | None = None,
    scores: dict[str, float] | None = None,
    record: Any = None,
) -> Example:
    """An example; what is None is not annotated."""
    reference = nlp.make_doc(text)
    if ents is None:
        reference.set_ents([], default="missing")
    else:
        reference.set_ents([reference.char_span(a, b, label=label) for a, b, label in ents])
    reference.cats = dict(cats or {})
    if scores is not None:
        reference.user_data["scores"] = scores
    if record is not None:
        reference.user_data["record"] = record
    return Example(nlp.make_doc(text), reference)


def entity_examples(nlp: Language) -> list[Example]:
    return [annotated(nlp, text, ents=ents) for text, ents in ENTITIES[nlp.lang]]


def cats_examples(nlp: Language) -> list[Example]:
    return [annotated(nlp, text, cats=cats_of(v)) for text, v in CATEGORIES[nlp.lang]]


def blank(lang: str, *pipes: tuple[str, dict[str, Any]]) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank(lang)
    for name, config in pipes:
        nlp.add_pipe(name, config=config)
    return nlp


def train(nlp: Language, examples: list[Example], steps: int = 40) -> Optimizer:
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(fresh(nlp, examples), sgd=optimizer)
    return optimizer


def fresh(nlp: Language, examples: list[Example]) -> list[Example]:
    """The same gold documents with new, unannotated predictions."""
    return [Example(nlp.make_doc(eg.reference.text), eg.reference) for eg in examples]


def ents_of(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def weights_of(nlp: Language, name: str) -> dict[str, np.ndarray]:
    """All weights of a component, those of its token vectors too."""
    found: dict[str, np.ndarray] = {}
    for i, node in enumerate(nlp.get_pipe(name).model.walk()):
        for param in node.param_names:
            found[f"{i}.{param}"] = node.get_param(param).copy()
        for shim in node.shims:
            for key, value in shim.module.state_dict().items():
                found[f"{i}.{key}"] = value.detach().numpy().copy()
    return found


def same_weights(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """Whether two sets of weights are bit-identical."""
    return a.keys() == b.keys() and all(a[k].tobytes() == b[k].tobytes() for k in a)
