"""Decoder and depth of the tagger, pooling of the classifier: on fixed vectors of an encoder.

python scripts/compare_choices.py assets/encoders/e5-small corpus/smartcity [--limit 400]

The encoder is not trained: it reads the corpus once, and only heads are trained, so that many runs
cost little. The last state is scored on dev; two seeds of each choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spacy
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import fix_random_seed, minibatch, registry
from thinc.api import Adam, Model
from thinc.types import Floats2d

KEY = "vectors"
BATCH = 16
RATE = 0.002
SEEDS = (0, 1)
CHOICES: list[tuple[str, dict[str, Any]]] = [
    ("xinzhi_ner", {"decoder": "crf", "depth": 0}),
    ("xinzhi_ner", {"decoder": "viterbi", "depth": 0}),
    ("xinzhi_cats", {"pooling": "mean"}),
    ("xinzhi_cats", {"pooling": "first"}),
    ("xinzhi_cats", {"pooling": "attention"}),
    ("xinzhi_ner", {"decoder": "crf", "depth": 1}),
    ("xinzhi_ner", {"decoder": "viterbi", "depth": 1}),
]


@registry.architectures("compare_choices.Stored.v1")
def stored_vectors(width: int) -> Model[list[Doc], list[Floats2d]]:
    """RETURNS (Model): A token-to-vector layer that looks the vectors up on the document."""

    def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple:
        return [doc.user_data[KEY] for doc in docs], lambda dY: []

    return Model("stored_vectors", forward, dims={"nO": width})


def encoder(name: Path, train: Path) -> Language:
    """RETURNS (Language): A pipeline with an encoder alone, every Han character a piece."""
    model = {"@architectures": "xinzhi.Encoder.v1", "name": str(name), "han": "isolate"}
    nlp = spacy.blank("zh")
    nlp.add_pipe("transformer", config={"model": {**model, "trim_corpus": str(train)}})
    examples = [Example(nlp.make_doc("智慧城市"), nlp.make_doc("智慧城市"))]
    nlp.initialize(lambda: examples)
    return nlp


def token_vectors(doc: Doc) -> np.ndarray:
    """RETURNS (ndarray): The mean vector of the pieces of each token, shape (tokens, width)."""
    data = doc._.trf_data
    rows = data.model_output.last_hidden_state
    rows = rows.reshape(-1, rows.shape[-1])
    return np.stack([rows[data.align[i].data.ravel()].mean(0) for i in range(len(doc))])


def plain_copy(doc: Doc) -> Doc:
    """RETURNS (Doc): The same tokens without annotation."""
    return Doc(doc.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc])


def read(nlp: Language, path: Path, limit: int = 0) -> list[tuple[Doc, np.ndarray]]:
    """RETURNS (list): Gold documents with the vectors of their tokens."""
    gold = [example.reference for example in Corpus(path, limit=limit)(nlp)]
    found = nlp.pipe(plain_copy(doc) for doc in gold)
    return [(doc, token_vectors(read)) for doc, read in zip(gold, found, strict=True)]


def fresh(data: list[tuple[Doc, np.ndarray]]) -> list[Example]:
    """RETURNS (list): Examples with new predicted documents that hold the vectors."""
    examples = [Example(plain_copy(gold), gold) for gold, _ in data]
    for example, (_, vectors) in zip(examples, data, strict=True):
        example.predicted.user_data[KEY] = vectors
    return examples


def run(
    factory: str, settings: dict[str, Any], seed: int, epochs: int, train: list, dev: list
) -> dict[str, float]:
    """Train one head. RETURNS (dict): Its scores on dev."""
    fix_random_seed(seed)
    rng = np.random.default_rng(seed)
    nlp = spacy.blank("zh", vocab=train[0][0].vocab)
    name = {"xinzhi_ner": "TokenTagger", "xinzhi_cats": "DocClassifier"}[factory]
    stored = {"@architectures": "compare_choices.Stored.v1", "width": train[0][1].shape[1]}
    model = {"@architectures": f"xinzhi.{name}.v1", "tok2vec": stored, **settings}
    nlp.add_pipe(factory, config={"model": model})
    nlp.initialize(lambda: fresh(train))
    optimizer = Adam(RATE)
    for _ in range(epochs):
        order = [train[i] for i in rng.permutation(len(train))]
        for batch in minibatch(order, BATCH):
            nlp.update(fresh(batch), sgd=optimizer)
    scores = nlp.evaluate(fresh(dev))
    keys = [key for key in scores if key.startswith("cats_") and key.endswith("_acc")]
    return {key: scores[key] for key in (*keys, "ents_f") if key in scores}


def main(
    name: Annotated[Path, typer.Argument(help="Folder of an encoder", exists=True)],
    corpus: Annotated[Path, typer.Argument(help="Folder with train.spacy and dev.spacy")],
    epochs: Annotated[int, typer.Option(help="Passes over the training data")] = 6,
    limit: Annotated[int, typer.Option(help="Only the first training texts; 0: all")] = 0,
) -> None:
    """Train every choice and print its scores, of each seed."""
    torch.set_num_threads(1)
    nlp = encoder(name, corpus / "train.spacy")
    train = read(nlp, corpus / "train.spacy", limit)
    dev = read(nlp, corpus / "dev.spacy")
    typer.echo(f"{len(train)} training texts, {len(dev)} of dev, {epochs} epochs")
    for factory, settings in CHOICES:
        rows = [run(factory, settings, seed, epochs, train, dev) for seed in SEEDS]
        shown = ", ".join(f"{key} {value}" for key, value in settings.items())
        for key in rows[0]:
            typer.echo(f"{shown}: {key} {' '.join(format(row[key], '.4f') for row in rows)}")


if __name__ == "__main__":
    typer.run(main)
