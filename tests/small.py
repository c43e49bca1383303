"""A small trained pipeline, the texts it was trained on, and texts with labels it does not know."""

from __future__ import annotations

import random
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed, minibatch
from spacy.vocab import Vocab
from thinc.api import Adam

WORDS = {
    "SERVICE": ["一网通办", "智能客服", "远程视频"],
    "PLACE": ["社区", "城市大脑", "平台"],
    "TOOL": ["电子台账", "刷脸门禁", "井盖传感"],
}
MOODS = {"pos": "真方便", "neg": "翻来覆去", "new": "稳步推进"}
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}


def make_doc(vocab: Vocab, number: int, labels: tuple[str, ...], moods: tuple[str, ...]) -> Doc:
    """RETURNS (Doc): A gold text with one entity of each label, in an order of its own."""
    rng = random.Random(number)
    text, spans = "", []
    for label in rng.sample(labels, len(labels)):
        word = rng.choice(WORDS[label])
        text += rng.choice(["，", "上线，", "和"])
        spans.append((len(text), len(text) + len(word), label))
        text += word
    mood = moods[number % len(moods)]
    text += MOODS[mood] + "。" * (number % 3) + str(number)
    doc = Doc(vocab, list(text), [False] * len(text))
    doc.set_ents([doc.char_span(*span) for span in spans])
    doc.cats = {f"mood/{name}": float(name == mood) for name in moods}
    return doc


def write(path: Path, numbers: range, labels: tuple[str, ...], moods: tuple[str, ...]) -> Path:
    vocab = Vocab()
    docs = [make_doc(vocab, number, labels, moods) for number in numbers]
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


OLD = (("SERVICE", "PLACE"), ("pos", "neg"))
ALL = (("SERVICE", "PLACE", "TOOL"), ("pos", "neg", "new"))


def make_small_project(folder: Path, encoder_folder: Path) -> Path:
    """Write old.spacy, new.spacy and test.spacy, and a pipeline that has learned old.spacy."""
    write(folder / "old.spacy", range(60), *OLD)
    write(folder / "new.spacy", range(100, 160), *ALL)
    write(folder / "test.spacy", range(200, 260), *ALL)
    nlp = spacy.blank("zh")
    encoder = {"@architectures": "xinzhi.Encoder.v1", "name": str(encoder_folder)}
    encoder |= {"train_precision": "fp32", "trim": False}
    nlp.add_pipe("transformer", config={"model": encoder})
    for name, architecture in (("ner", "TokenTagger"), ("cats", "DocClassifier")):
        model = {"@architectures": f"xinzhi.{architecture}.v1", "tok2vec": LISTENER}
        nlp.add_pipe(f"xinzhi_{name}", config={"model": model})
    nlp.add_pipe("doc_cleaner")
    train(nlp, folder / "old.spacy")
    nlp.meta["name"] = "small"
    nlp.to_disk(folder / "pipeline")
    return folder


def train(nlp: Language, corpus: Path, epochs: int = 10) -> None:
    fix_random_seed(0)
    gold = list(DocBin().from_disk(corpus).get_docs(nlp.vocab))

    def examples() -> list[Example]:
        return [Example(nlp.make_doc(doc.text), doc) for doc in gold]

    nlp.initialize(examples)
    optimizer = Adam(0.005)
    for _ in range(epochs):
        for batch in minibatch(examples(), 12):
            nlp.update(batch, sgd=optimizer)
