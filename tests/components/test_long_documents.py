"""Entities of documents longer than the encoder's window, in training and in prediction.

Every piece takes its vector from the window that has it farther from an edge, and the tagger
decodes the whole document. So an entity may cross a border between windows, be longer than a
window, and cross the end of a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language

from xinzhi.layers.windows import owned_ranges, split_windows

from .helpers import annotated, blank, ents_of, tagger, train

WINDOW, OVERLAP = 12, 4
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
FILLER = "服务真方便，城市大脑很好。"
NAMES = {
    "over a border": "智慧停。车平台",
    "over several borders": "智能客服远程。视频银行无人配送车走进社区",
}
TRAINED = (0, 13, 20, 24, 31)


def placed(name: str, before: int) -> tuple[str, list[tuple[int, int, str]]]:
    """A text with the name after so many characters, and where it is."""
    text = f"{(FILLER * 9)[:before]}{name}台账一键生成{FILLER * 2}"
    return text, [(before, before + len(name), "技术")]


def count_borders(name: str, before: int) -> int:
    """How often the vectors of a name change from one window to the next."""
    text, [(start, end, _)] = placed(name, before)
    owned = owned_ranges(split_windows(len(text), WINDOW, OVERLAP))
    return sum(start < border < end for border, _ in owned[1:])


@pytest.fixture(scope="module", params=NAMES)
def trained(
    request: pytest.FixtureRequest, tiny_encoder: Callable[..., Path]
) -> tuple[str, Language]:
    name = NAMES[request.param]
    encoder = {"name": str(tiny_encoder()), "window": WINDOW, "overlap": OVERLAP, "han": "isolate"}
    nlp = blank(
        "zh",
        ("transformer", {"model": {"@architectures": "xinzhi.Encoder.v1", **encoder}}),
        ("sentencizer", {"punct_chars": ["。"]}),
        ("xinzhi_ner", {"model": tagger(tok2vec=LISTENER)}),
    )
    texts = [placed(name, before) for before in TRAINED]
    train(nlp, [annotated(nlp, text, ents=ents) for text, ents in texts], steps=60)
    return name, nlp


def test_found_wherever_the_borders_are(trained: tuple[str, Language], tmp_path: Path) -> None:
    name, nlp = trained
    places = range(14, 32)
    assert max(count_borders(name, before) for before in TRAINED) >= 1
    assert max(count_borders(name, before) for before in places) >= 1
    nlp.to_disk(tmp_path / "model")
    for pipeline in (nlp, spacy.load(tmp_path / "model")):
        texts, gold = zip(*(placed(name, before) for before in places), strict=True)
        docs = list(pipeline.pipe(texts))
        assert [ents_of(doc) for doc in docs] == list(gold)
        assert all(0.5 < doc.ents[0]._.confidence <= 1 for doc in docs)
        assert all(len(list(doc.ents[0].sents)) == 2 for doc in docs)


def test_scored_as_any_other(trained: tuple[str, Language]) -> None:
    name, nlp = trained
    text, ents = placed(name, 16)
    assert count_borders(name, 16) >= 1
    right, wrong = annotated(nlp, text, ents=ents), annotated(nlp, text, ents=[(0, 2, "技术")])
    assert nlp.evaluate([right])["ents_f"] == 1.0
    assert nlp.evaluate([wrong])["ents_f"] == 0.0
