"""Prediction time of our tagger beside spaCy's transition-based `ner`, on the same token vectors.

python scripts/bench_heads.py [--rounds 20]

Only the heads are timed (`predict`, without an encoder), with random vectors and a share of
entities as in real text. The two take turns, on one thread; the medians are reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Annotated

import numpy as np
import spacy
import torch
import typer
from rich.console import Console
from rich.table import Table
from spacy.ml.models.parser import build_tb_parser_model
from spacy.pipeline import EntityRecognizer
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Adam, Model
from thinc.types import Floats2d

from xinzhi.components.ner import EntityTagger
from xinzhi.layers.tagger import TokenTagger_v1

LABELS = [f"L{i}" for i in range(7)]
SIGNAL = 4.0  # how clearly a vector says what its token is


def stored_vectors(width: int) -> Model[list[Doc], list[Floats2d]]:
    """RETURNS (Model): A token-to-vector layer that looks the vectors up on the document."""

    def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple:
        return [doc.user_data["vectors"] for doc in docs], lambda dY: []

    return Model("stored_vectors", forward, dims={"nO": width})


def make_examples(vocab: Vocab, n_docs: int, length: int, width: int) -> list[Example]:
    """RETURNS (list): Documents with about two entities of three tokens in 64, and vectors that
    tell where they are."""
    rng = np.random.default_rng(0)
    examples = []
    for _ in range(n_docs):
        doc, gold = (Doc(vocab, words=["字"] * length) for _ in range(2))
        starts = rng.choice(length // 4, max(length // 32, 1), replace=False) * 4
        spans = [Span(gold, s, s + 3, label=str(rng.choice(LABELS))) for s in sorted(starts)]
        gold.set_ents(spans)
        vectors = rng.standard_normal((length, width)).astype("float32")
        for span in spans:
            for position, token in enumerate(span):
                vectors[token.i, 4 * LABELS.index(span.label_) + position] += SIGNAL
        doc.user_data["vectors"] = vectors
        examples.append(Example(doc, gold))
    return examples


def trained(head: EntityTagger | EntityRecognizer, examples: list[Example], steps: int) -> Callable:
    """RETURNS (Callable): The `predict` of a head that has learned the examples."""
    head.initialize(lambda: examples)
    optimizer = Adam(0.01)
    for _ in range(steps):
        head.update(examples, sgd=optimizer)
    return head.predict


def main(
    rounds: Annotated[int, typer.Option(help="Predictions to time")] = 20,
    batch_size: Annotated[int, typer.Option(help="Documents")] = 64,
    length: Annotated[int, typer.Option(help="Tokens per document")] = 64,
    width: Annotated[int, typer.Option(help="Width of the vectors")] = 384,
    steps: Annotated[int, typer.Option(help="Training steps before")] = 20,
) -> None:
    """Time both heads in turns and print the medians and their ratio."""
    torch.set_num_threads(1)
    vocab = spacy.blank("zh").vocab
    examples = make_examples(vocab, batch_size, length, width)
    docs = [example.predicted for example in examples]
    stock = build_tb_parser_model(stored_vectors(width), "ner", False, 64, 2, True)
    heads = {
        "ner (spaCy)": EntityRecognizer(vocab, stock),
        "xinzhi_ner, crf": EntityTagger(vocab, TokenTagger_v1(stored_vectors(width))),
        "xinzhi_ner, viterbi": EntityTagger(
            vocab, TokenTagger_v1(stored_vectors(width), decoder="viterbi")
        ),
    }
    predict = {name: trained(head, examples, steps) for name, head in heads.items()}
    seconds: dict[str, list[float]] = {name: [] for name in predict}
    for _ in range(rounds):
        for name, function in predict.items():
            start = time.perf_counter()
            function(docs)
            seconds[name].append(time.perf_counter() - start)
    table = Table("head", "ms per batch", "times as fast as spaCy's")
    baseline = median(seconds["ner (spaCy)"])
    for name, values in seconds.items():
        table.add_row(name, f"{median(values) * 1000:.1f}", f"{baseline / median(values):.1f}")
    Console().print(f"{batch_size} documents of {length} tokens, width {width}, one thread")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
