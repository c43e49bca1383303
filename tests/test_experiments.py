"""The scripts of docs/experiments.md and docs/stock.md, on made-up corpora."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
ROWS = {
    "cluener2020": [
        {"text": "彭小军在台湾", "entities": [[0, 3, "name"], [4, 6, "address"]]},
        {"text": "测试用的句子", "entities": []},
    ],
    "waimai_10k": [
        {"text": "好吃", "label": "positive"},
        {"text": "还行", "label": "positive"},
        {"text": "还行", "label": "negative"},
        {"text": "难吃", "label": "negative"},
    ],
    "smp2019_ecdt_nlu": [
        {
            "text": "导航到佛山大良汽车站",
            "label": "map",
            "intent": "ROUTE",
            "entities": [[3, 5, "endLoc_city"], [3, 10, "endLoc_poi"]],
        }
    ],
    "bdci_car_2018": [
        {"text": "油耗高动力强", "label": "油耗", "sentiment": "-1"},
        {"text": "还会下降的", "label": "油耗", "sentiment": "0"},
        {"text": "油耗高动力强", "label": "动力", "sentiment": "1"},
    ],
}
EXPECTED = {
    "cluener2020": [
        {"text": "彭小军在台湾", "label": [[0, 3, "name"], [4, 6, "address"]]},
        {"text": "测试用的句子", "label": []},
    ],
    "waimai_10k": [
        {"text": "好吃", "cats": {"sentiment": "positive"}},
        {"text": "难吃", "cats": {"sentiment": "negative"}},
    ],
    "smp2019_ecdt_nlu": [
        {
            "text": "导航到佛山大良汽车站",
            "label": [[3, 10, "endLoc_poi"]],
            "cats": {"domain": "map", "intent": "ROUTE"},
        }
    ],
    "bdci_car_2018": [
        {"text": "油耗高动力强", "scores": {"sentiment": 0.0}},
        {"text": "还会下降的", "scores": {"sentiment": 0.0}},
    ],
}


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / f"{name}.py"))


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf8")
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


@pytest.mark.parametrize("corpus", ROWS)
def test_data_of_each_corpus(tmp_path: Path, corpus: str) -> None:
    from xinzhi.corpora.convert import convert

    source, output = write_jsonl(tmp_path / "in.jsonl", ROWS[corpus]), tmp_path / "out/train.jsonl"
    main = script("experiment_data")["main"]
    main(corpus, source, output)
    assert read_jsonl(output) == EXPECTED[corpus]
    assert not convert([output], tmp_path / "out").misaligned
    main(corpus, source, output, limit=1)
    assert read_jsonl(output) == EXPECTED[corpus][:1]


def test_data_leaves_out_the_texts_of_the_test(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", ROWS["cluener2020"])
    test = write_jsonl(tmp_path / "test.jsonl", ROWS["cluener2020"][:1])
    script("experiment_data")["main"]("cluener2020", source, tmp_path / "out", without=[test])
    assert [row["text"] for row in read_jsonl(tmp_path / "out")] == ["测试用的句子"]


def scored_doc(nlp: spacy.Language, text: str, value: float) -> Doc:
    doc = nlp.make_doc(text)
    doc.user_data["scores"] = {"sentiment": value}
    return doc


def test_score_against_constants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nlp = spacy.blank("zh")
    nlp.add_pipe("xinzhi_score")
    docs = [scored_doc(nlp, text, value) for text, value in [("好", 1), ("坏", 0), ("行", 0)]]
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc) for doc in docs])
    nlp.to_disk(tmp_path / "pipeline")
    corpus = tmp_path / "train.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(corpus)
    script("experiment_score")["main"](str(tmp_path / "pipeline"), corpus, corpus, dev=corpus)
    pipeline, mean, median, zone = capsys.readouterr().out.splitlines()
    assert pipeline.startswith("sentiment, pipeline: mae ")
    start, rank = "sentiment, ", "spearman 0.0000"
    assert mean == f"{start}mean: mae 0.4444, rmse 0.4714, {rank}, r2 0.0000 (n = 3)"
    assert median == f"{start}median: mae 0.3333, rmse 0.5774, {rank}, r2 -0.5000 (n = 3)"
    assert zone.startswith("sentiment, pipeline with 0 where it is ")


def test_dead_zone() -> None:
    functions = script("experiment_score")
    pairs = np.array([[0.0, 0.3], [0.0, -0.2], [1.0, 0.8], [-1.0, -0.9]])
    distance = functions["best_distance"](pairs, 0.0)
    assert 0.3 <= distance < 0.8
    zone = functions["with_dead_zone"](pairs, 0.0, distance)
    assert zone.tolist() == [[0.0, 0.0], [0.0, 0.0], [1.0, 0.8], [-1.0, -0.9]]


def test_gradient_shares(tmp_path: Path, tiny_encoder: Callable[..., Path]) -> None:
    nlp = spacy.blank("zh")
    doc = nlp.make_doc("一网通办真方便")
    doc.set_ents([spacy.tokens.Span(doc, 0, 4, "服务")], default="outside")
    doc.cats = {"topic/城市": 1.0, "topic/金融": 0.0}
    DocBin(docs=[doc] * 3).to_disk(tmp_path / "train.spacy")
    settings = {"train": tmp_path / "train.spacy", "dev": tmp_path / "train.spacy"}
    overrides = [f"--paths.{name}={path}" for name, path in settings.items()]
    overrides += [f"--paths.encoder={tiny_encoder()}", "--components.transformer.model.window=32"]
    overrides += ["--components.transformer.model.overlap=8"]
    arguments = [str(ROOT / "configs/tiny.cfg"), "--batches", "1", *overrides]
    result = CliRunner().invoke(script("gradient_shares")["app"], arguments)
    assert result.exit_code == 0, result.output
    norms = dict(line.split(": ") for line in result.output.splitlines() if ": " in line)
    assert set(norms) == {"xinzhi_ner", "xinzhi_cats"}
    assert all(float(norm) > 0 for norm in norms.values())


def test_choices(
    tmp_path: Path, tiny_encoder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    nlp = spacy.blank("zh")
    docs = [nlp.make_doc(text) for text in ("一网通办真方便", "智能客服翻来覆去")]
    for number, doc in enumerate(docs):
        doc.set_ents([spacy.tokens.Span(doc, 0, 4, "服务")], default="outside")
        doc.cats = {"mood/好": float(number == 0), "mood/坏": float(number == 1)}
    for part in ("train", "dev"):
        DocBin(docs=docs).to_disk(tmp_path / f"{part}.spacy")
    script("compare_choices")["main"](tiny_encoder(), tmp_path, epochs=1)
    first, *rows = capsys.readouterr().out.splitlines()
    assert first == "2 training texts, 2 of dev, 1 epochs"
    assert [row.split(":")[0] for row in rows if "ents_f" in row] == [
        "decoder crf, depth 0",
        "decoder viterbi, depth 0",
        "decoder crf, depth 1",
        "decoder viterbi, depth 1",
    ]
    assert sum("cats_mood_acc" in row for row in rows) == 3
    assert all(len(row.split()[-2:]) == 2 for row in rows)
