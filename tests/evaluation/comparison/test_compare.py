"""Two systems on a corpus: what is measured, what is said, what a gate does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.components.base import ensure_extension
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.comparison.compare import Options, compare
from xinzhi.evaluation.comparison.output import write_comparison
from xinzhi.evaluation.evaluate import evaluate

MakePipeline = Callable[..., Path]
QUICK = Options(resamples=999)
WORDS = ["一网通办", "医保码", "城市大脑", "电子台账"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twenty documents, each with one entity of X and, in every second, one of Y."""
    nlp = spacy.blank("zh")
    docs = []
    for number in range(20):
        word = WORDS[number % 4]
        doc = nlp.make_doc(f"第{number}天，{word}上线了，市民|说好。")
        start = doc.text.index(word)
        doc.set_ents([doc.char_span(start, start + len(word), "Y" if number % 2 else "X")])
        doc.cats = {"topic/a": float(number % 2), "topic/b": 1.0 - number % 2}
        doc.user_data["scores"] = {"urgency": float(number)}
        doc.user_data["record"] = {"source": "test.jsonl", "line": number + 1}
        docs.append(doc)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "gold.spacy")
    return tmp_path / "gold.spacy"


@pytest.fixture
def pipeline(tmp_path: Path) -> MakePipeline:
    """A function (name, patterns) -> folder of a pipeline that finds them."""

    def make(name: str, patterns: dict[str, str]) -> Path:
        nlp = spacy.blank("zh")
        rows = [{"label": label, "pattern": text} for text, label in patterns.items()]
        nlp.add_pipe("entity_ruler").add_patterns(rows)  # type: ignore[attr-defined]
        nlp.to_disk(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def predictions(tmp_path: Path, corpus: Path) -> Callable[..., Path]:
    """A function (name, wrong documents) -> stored predictions of the corpus."""
    ensure_extension(Doc, "decisions", default={})
    ensure_extension(Doc, "scores", default={})

    def make(name: str, wrong: set[int] = frozenset(), error: float = 1.0) -> Path:  # type: ignore[assignment]
        docs = list(DocBin().from_disk(corpus).get_docs(spacy.blank("zh").vocab))
        for number, doc in enumerate(docs):
            if number in wrong:
                doc.set_ents([])
                doc.cats = {key: 1 - value for key, value in doc.cats.items()}
            doc._.decisions = {"topic": max(doc.cats, key=doc.cats.__getitem__)[-1]}
            doc._.scores = {"urgency": number + error}
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / name)
        return tmp_path / name

    return make


def test_scores_are_those_of_evaluate(corpus: Path, pipeline: MakePipeline) -> None:
    a = pipeline("a", {"一网通办": "X", "医保码": "X", "市民": "X"})
    b = pipeline("b", {"一网通办": "X", "医保码": "Y", "城市大脑": "X"})
    found = compare(a, b, corpus, QUICK)
    for folder, key in ((a, "a"), (b, "b")):
        scores = evaluate(folder, corpus)["entities"]
        assert found["metrics"]["entities/f1"][key] == pytest.approx(scores["f1"])
        for label in "XY":
            assert found["metrics"][f"entities/{label}/f1"][key] == pytest.approx(
                scores["labels"][label]["f1"]
            )
    assert found["metric"] == "entities/f1"
    assert found["verdict"].startswith("B is better than A: entities/f1 0.2")
    assert found["gate"] == {"passed": True, "reasons": []}


def test_the_same_pipeline_never_differs(corpus: Path, pipeline: MakePipeline) -> None:
    a = pipeline("a", {"一网通办": "X", "医保码": "X"})
    found = compare(a, a, corpus, QUICK)
    assert all(row["difference"] in (0.0, None) for row in found["metrics"].values())
    assert {row["p"] for row in found["metrics"].values()} <= {1.0, None}
    assert found["differences"] == []
    assert found["documents"] == {"better": 0, "worse": 0, "different": 0, "same": 20}
    assert found["verdict"].startswith("No significant difference between A and B")
    assert found["gate"]["passed"]


def test_every_task_of_stored_predictions(corpus: Path, predictions: Callable[..., Path]) -> None:
    a, b = predictions("a.spacy", error=1.0), predictions("b.spacy", {0, 1, 2, 3, 4, 5}, error=2.0)
    found = compare(a, b, corpus, QUICK)
    metrics = found["metrics"]
    main = [name for name, row in metrics.items() if row["main"]]
    assert main == ["entities/f1", "heads/topic/macro_f1", "scores/urgency/mae"]
    assert metrics["heads/topic/accuracy"]["b"] == 14 / 20
    assert metrics["scores/urgency/rmse"]["b"] == pytest.approx(2.0)
    f1 = 2 * 14 / (14 + 20)
    assert metrics["overall"]["b"] == pytest.approx((f1 + 0.7) / 2)
    assert metrics["entities/f1"]["p"] == 2 / 2**6  # exact
    assert not found["gate"]["passed"]  # an error that grew is worse
    assert found["gate"]["reasons"][-1].startswith("scores/urgency/mae is worse by 1.0000, p = 0.0")
    assert found["documents"]["worse"] == 20
    first = found["differences"][0]
    assert (first["document"], first["record"]) == (1, "test.jsonl:1")
    assert first["heads"]["topic"] == {"gold": ["b"], "a": ["b"], "b": ["a"]}
    assert first["entities"][0]["by"] == "a"
    assert first["entities"][0]["right"]


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        (Options(metric="entities/f1", resamples=999), True),  # 3 of 20: p = 0.25
        (Options(metric="entities/f1", alpha=0.3, resamples=999), False),
        (Options(metric="entities/f1", margin=0.05, resamples=999), False),
        (Options(metric="entities/f1", margin=0.2, resamples=999), True),
    ],
)
def test_gate(
    corpus: Path, predictions: Callable[..., Path], options: Options, passed: bool
) -> None:
    a, b = predictions("a.spacy"), predictions("b.spacy", {0, 1, 2})
    assert compare(a, b, corpus, options)["gate"]["passed"] is passed


def test_a_pipeline_against_its_stored_predictions(
    corpus: Path, pipeline: MakePipeline, tmp_path: Path
) -> None:
    a = pipeline("a", {"一网通办": "X", "医保码": "X"})
    nlp = spacy.load(a)
    docs = [nlp(doc.text) for doc in DocBin().from_disk(corpus).get_docs(nlp.vocab)]
    DocBin(docs=docs).to_disk(tmp_path / "stored.spacy")
    found = compare(a, tmp_path / "stored.spacy", corpus, QUICK)
    assert found["differences"] == []
    assert found["metrics"]["entities/f1"]["a"] == found["metrics"]["entities/f1"]["b"] > 0


def test_files(corpus: Path, predictions: Callable[..., Path], tmp_path: Path) -> None:
    a, b = predictions("a.spacy"), predictions("b.spacy", {0, 1})
    result = compare(a, b, corpus, QUICK)
    files = write_comparison(tmp_path / "out", result)
    whole = json.loads(files[0].read_text(encoding="utf8"))
    assert whole["verdict"] == result["verdict"]
    markdown = files[1].read_text(encoding="utf8")
    assert "| `entities/f1` | 1.0000 | 0.9474 |" in markdown
    assert "## B is worse: 2 of 2 documents" in markdown
    assert r"市民\|说好" in markdown
    assert "一网通办 X ✓; topic: b ✓ | topic: a ✗ (b) |" in markdown
    rows = [json.loads(line) for line in files[2].read_text(encoding="utf8").splitlines()]
    assert [row["document"] for row in rows] == [1, 2]


def test_unlike_tasks(corpus: Path, pipeline: MakePipeline, tmp_path: Path) -> None:
    a = pipeline("a", {"一网通办": "X"})
    docs = [spacy.blank("zh").make_doc(f"第{n}天") for n in range(3)]
    for doc in docs:
        doc.cats = {"topic/a": 1.0}
    DocBin(docs=docs).to_disk(tmp_path / "cats.spacy")
    with pytest.raises(XinzhiError, match="nothing that both A and B predict"):
        compare(a, a, tmp_path / "cats.spacy", QUICK)


def test_predictions_of_another_corpus(
    corpus: Path, predictions: Callable[..., Path], tmp_path: Path
) -> None:
    a = predictions("a.spacy")
    docs = list(DocBin().from_disk(a).get_docs(spacy.blank("zh").vocab))
    DocBin(docs=docs[:-1]).to_disk(tmp_path / "few.spacy")
    with pytest.raises(XinzhiError, match=r"19 predicted documents, but .*gold\.spacy holds 20"):
        compare(a, tmp_path / "few.spacy", corpus, QUICK)
    DocBin(docs=docs[::-1]).to_disk(tmp_path / "back.spacy")
    with pytest.raises(XinzhiError, match="document 1 begins with '第19天"):
        compare(a, tmp_path / "back.spacy", corpus, QUICK)
    (tmp_path / "broken.spacy").write_bytes(b"nonsense")
    with pytest.raises(XinzhiError, match="cannot be read as predictions"):
        compare(a, tmp_path / "broken.spacy", corpus, QUICK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.5}, "alpha is 1.5"),
        ({"margin": -0.1}, "margin is -0.1"),
        ({"resamples": 9}, "resamples is 9"),
    ],
)
def test_invalid_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(XinzhiError, match=message):
        Options(**options)


def test_command(corpus: Path, predictions: Callable[..., Path], tmp_path: Path) -> None:
    a, b = str(predictions("a.spacy")), str(predictions("b.spacy", set(range(8))))
    common = [str(corpus), "--resamples", "999", "--gate"]
    good = CliRunner().invoke(app, ["compare", b, a, *common, "-o", str(tmp_path / "out")])
    assert good.exit_code == 0, good.output
    assert "B is better than A: overall" in " ".join(good.output.split())
    assert (tmp_path / "out" / "compare.json").is_file()
    bad = CliRunner().invoke(app, ["compare", a, b, *common])
    assert bad.exit_code == 1
    assert "✘ entities/f1 is worse by" in bad.output
    wrong = CliRunner().invoke(app, ["compare", a, b, str(corpus), "--metric", "f"])
    assert wrong.exit_code == 1
    assert wrong.output.startswith("✘ There is no metric 'f' here.")
