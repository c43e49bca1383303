"""Nested and overlapping entities: the heads of configs/spancat.cfg on a tiny encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Corpus, Example
from spacy.util import fix_random_seed, load_config, load_model_from_config

CONFIG = Path(__file__).parent.parent.parent / "configs" / "spancat.cfg"
DATA = {
    "zh": [
        ("北京大学在海淀", [(0, 4, "机构"), (0, 2, "地点"), (5, 7, "地点")]),
        ("上海银行很好", [(0, 4, "机构"), (0, 2, "地点")]),
        ("今天很好", []),
    ],
    "en": [
        ("Bank of China in Beijing", [(0, 13, "ORG"), (8, 13, "PLACE"), (17, 24, "PLACE")]),
        ("University of Shanghai", [(0, 22, "ORG"), (14, 22, "PLACE")]),
        ("No news today", []),
    ],
}


def examples(nlp: Language) -> list[Example]:
    made = []
    for text, spans in DATA[nlp.lang]:
        gold = nlp.make_doc(text)
        gold.spans["sc"] = [gold.char_span(a, b, label=label) for a, b, label in spans]
        made.append(Example(nlp.make_doc(text), gold))
    return made


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_overlapping_spans_are_learned_saved_and_scored(lang, tiny_encoder, tmp_path):
    blank = spacy.blank(lang)
    DocBin(docs=[eg.reference for eg in examples(blank)]).to_disk(tmp_path / "gold.spacy")
    overrides = {
        "paths.encoder": str(tiny_encoder()),
        "paths.train": str(tmp_path / "gold.spacy"),
        "components.transformer.model.han": "isolate",
        "components.transformer.model.trim": False,
        "components.transformer.model.window": 60,
        "components.transformer.model.overlap": 8,
    }
    config = load_config(CONFIG, overrides=overrides, interpolate=True)
    config["nlp"]["lang"] = lang
    config["nlp"].pop("tokenizer", None)  # each language has its own
    fix_random_seed(0)
    nlp = load_model_from_config(config, auto_fill=True)
    data = list(Corpus(tmp_path / "gold.spacy")(nlp))
    optimizer = nlp.initialize(lambda: data)
    optimizer.learn_rate = 0.005
    for _ in range(120):
        nlp.update(data, sgd=optimizer)
    nlp.to_disk(tmp_path / "model")
    for pipeline in (nlp, spacy.load(tmp_path / "model")):
        for text, spans in DATA[lang]:
            doc = pipeline(text)
            found = doc.spans["sc"]
            assert sorted((s.start_char, s.end_char, s.label_) for s in found) == sorted(spans)
            assert len(found.attrs["scores"]) == len(spans)
    assert nlp.evaluate(list(Corpus(tmp_path / "gold.spacy")(nlp)))["spans_sc_f"] == 1.0
