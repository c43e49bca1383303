"""Our heads on vectors that an encoder has made once: a training in seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam, Model
from thinc.types import Floats2d

from ..components.cats import HeadClassifier
from ..components.cats_scorer import cats_score
from ..components.heads import read_head_statistics, settle_heads
from ..components.ner import EntityTagger, ner_score
from ..errors import XinzhiError
from ..evaluation.evaluate import load_pipeline, read_examples
from ..layers.classifier import DocClassifier_v1
from ..layers.tagger import TokenTagger_v1
from .vectors import encoder_name, plain_copy, token_vectors

KEY = "vectors"
BATCH = 16
RATE = 0.002


@dataclass
class Corpus:
    """Gold documents with the vectors of their tokens.

    gold (list[Doc]): The documents.
    tokens (list[ndarray]): A row for each token, per document.
    """

    gold: list[Doc]
    tokens: list[np.ndarray]

    @property
    def width(self) -> int:
        """RETURNS (int): Of the vectors."""
        return self.tokens[0].shape[1]

    @property
    def vectors(self) -> np.ndarray:
        """RETURNS (ndarray): The mean of each document's vectors, of length 1."""
        means = np.stack([rows.mean(0) for rows in self.tokens])
        return means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)

    def part(self, rows: Sequence[int]) -> Corpus:
        """RETURNS (Corpus): Some of the documents."""
        return Corpus([self.gold[row] for row in rows], [self.tokens[row] for row in rows])

    def documents(self) -> list[Doc]:
        """RETURNS (list): Documents to predict on, with vectors and without annotation."""
        docs = [plain_copy(doc) for doc in self.gold]
        for doc, rows in zip(docs, self.tokens, strict=True):
            doc.user_data[KEY] = rows
        return docs

    def examples(self) -> list[Example]:
        """RETURNS (list): Fresh documents beside the gold ones."""
        return [Example(doc, gold) for doc, gold in zip(self.documents(), self.gold, strict=True)]


def load_encoder(name: str | Path, corpus: Path) -> Language:
    """A pipeline to read texts with.

    name (str / Path): A pipeline with a shared encoder, or an encoder (folder, registered or hub
        name), of which every Han character is made a piece of its own.
    corpus (Path): What its vocabulary is cut down to.
    RETURNS (Language): The pipeline.
    """
    if (Path(name) / "meta.json").is_file():
        nlp = load_pipeline(name)
        encoder_name(nlp)
        return nlp
    model = {"@architectures": "xinzhi.Encoder.v1", "name": str(name), "han": "isolate"}
    nlp = spacy.blank("zh")
    nlp.add_pipe("transformer", config={"model": {**model, "trim_corpus": str(corpus)}})
    nlp.initialize(lambda: [Example(nlp.make_doc("智慧城市"), nlp.make_doc("智慧城市"))])
    return nlp


def read_corpus(nlp: Language, path: Path) -> Corpus:
    """Read a corpus with an encoder, once.

    nlp (Language): From `load_encoder`.
    path (Path): A .spacy file or a folder of them.
    RETURNS (Corpus): Its documents that have tokens.
    RAISES (XinzhiError): It cannot be read.
    """
    gold = [eg.reference for eg in read_examples(nlp, path) if len(eg.reference)]
    with nlp.select_pipes(enable=[encoder_name(nlp)]):
        found = [token_vectors(doc) for doc in nlp.pipe(plain_copy(doc) for doc in gold)]
    return Corpus(gold, found)


class Heads:
    """A tagger and a classifier on stored vectors, for what a corpus is annotated with.

    width (int): Width of the vectors.
    everything (Sequence[Doc]): Gold documents that name all labels.
    """

    def __init__(self, width: int, everything: Sequence[Doc]) -> None:
        vocab = everything[0].vocab
        self.entities = sorted({ent.label_ for doc in everything for ent in doc.ents})
        statistics = read_head_statistics(everything, None)
        self.heads = (
            {h.name: h.to_dict() for h in settle_heads(None, statistics)} if statistics else {}
        )
        stored = stored_vectors(width)
        self.ner = EntityTagger(vocab, TokenTagger_v1(stored, depth=1)) if self.entities else None
        self.cats = HeadClassifier(vocab, DocClassifier_v1(stored)) if self.heads else None
        if not self.pipes:
            raise XinzhiError("The texts carry neither entities nor heads.", "Annotate some.")

    @property
    def pipes(self) -> list[Any]:
        """RETURNS (list): The components."""
        return [pipe for pipe in (self.ner, self.cats) if pipe is not None]

    def train(self, corpus: Corpus, epochs: int, seed: int) -> None:
        """Train from nothing.

        corpus (Corpus): What to learn from.
        epochs (int): Passes over it.
        seed (int): Of weights and order.
        """
        fix_random_seed(seed)
        rng = np.random.default_rng(seed)
        examples = corpus.examples()
        if self.ner:
            self.ner.initialize(lambda: examples, labels=self.entities)
        if self.cats:
            self.cats.initialize(lambda: examples, labels=self.heads)
        optimizer = Adam(RATE)
        for _ in range(epochs):
            order = rng.permutation(len(examples))
            for start in range(0, len(order), BATCH):
                batch = [examples[row] for row in order[start : start + BATCH]]
                for pipe in self.pipes:
                    pipe.update(batch, sgd=optimizer)

    def score(self, corpus: Corpus) -> dict[str, float]:
        """RETURNS (dict): "entities" (F-score) and "heads" (mean macro F-score), from 0 to 1."""
        examples = corpus.examples()
        docs = [example.predicted for example in examples]
        for pipe in self.pipes:
            for start in range(0, len(docs), 64):
                batch = docs[start : start + 64]
                pipe.set_annotations(batch, pipe.predict(batch))
        found: dict[str, float] = {}
        if self.ner:
            found["entities"] = ner_score(examples)["ents_f"] or 0.0
        if self.cats:
            found["heads"] = cats_score(examples)["cats_score"] or 0.0
        return found


def stored_vectors(width: int) -> Model[list[Doc], list[Floats2d]]:
    """RETURNS (Model): A token-to-vector layer that looks the vectors up on the document."""

    def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list, Callable]:
        return [doc.user_data[KEY] for doc in docs], lambda dY: []

    return Model("stored_vectors", forward, dims={"nO": width})
