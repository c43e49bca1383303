"""The three files: complete, self-contained, well-formed, escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.evaluate import predict_corpus, score
from xinzhi.evaluation.report.build import build_report
from xinzhi.evaluation.report.page import render_page
from xinzhi.evaluation.report.sections import sections
from xinzhi.evaluation.report.spans import CUT, pieces
from xinzhi.evaluation.report.write import write_report

from ..conftest import MakeDoc, SaveCorpus
from .conftest import Report

VOID = {"meta", "br"}
LIMIT = 3_000_000


class Page(HTMLParser):
    """Checks that tags are balanced; collects ids, links and what would be loaded."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id", ""))
        self.links += [values["href"]] if "href" in values else []
        loading = tag in ("link", "script", "img", "iframe", "object", "use") or "src" in values
        self.loaded += [tag] if loading else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def folder(report: Report, tmp_path: Path) -> Path:
    return write_report(tmp_path / "报告" / "deep", report).parent


def test_the_page_is_self_contained(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf8")
    page = Page(text)
    assert text.startswith("<!doctype html>")
    assert page.loaded == []
    assert not re.search(r"https?:|url\(|@import|//cdn", text)
    assert {link[1:] for link in page.links if link.startswith("#")} <= {
        name.replace("情感", "%E6%83%85%E6%84%9F") for name in page.ids
    }
    assert all(link.startswith("#") for link in page.links)
    assert len(text.encode()) < LIMIT
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "max-width: 640px" in text


def test_text_is_escaped_and_labels_are_shown(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf8")
    assert "&lt;b&gt;扫&lt;/b&gt; &amp; 不出来" in text
    assert "<b>扫" not in text
    assert re.search(r'<mark class="s\d wrong">一网通办', text)
    assert "record 6 (test.jsonl:6)" in text
    assert ">n/a<" in text  # the label that does not occur


def test_every_part_is_there(report: Report, folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf8")
    parts = (
        "95 % interval",
        "accuracy of 0.5957 here",  # of a tagger that finds nothing: 28 of 47 tokens
        "macro avg without O",
        "Confusion: gold (rows) against predicted (columns)",
        "Boundary errors against type errors",
        "Four ways to count",
        "Precision and recall by label",
        "ECE",
        "share decided",
        "By genre",
        "length: predicted against gold",
        "Worst errors",
        "SHA-256",
        "characters/s",
    )
    for part in parts:
        assert part in text, part
    assert json.loads((folder / "report.json").read_text(encoding="utf8")) == json.loads(
        json.dumps(report)
    )


def test_markdown_tables_are_regular(folder: Path) -> None:
    lines = (folder / "report.md").read_text(encoding="utf8").splitlines()
    assert lines[0] == "# Evaluation of zh\\_pipeline 0.0.0"
    tables = 0
    for before, line in pairwise(lines):
        if line.startswith("| ---"):
            tables += 1
            width = line.count("|")
        if line.startswith("|") and before.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == width, line
    assert tables > 12
    assert "- predicted: 用**医保码** (Y ✘)排队" in lines
    assert "| absent | n/a | n/a | n/a | n/a | 0 |" in lines


def test_without_confidence_and_without_training_corpus(
    tmp_path: Path, make_doc: MakeDoc, save_corpus: SaveCorpus
) -> None:
    nlp = spacy.blank("zh")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "X", "pattern": "医保码"}])  # type: ignore[attr-defined]
    corpus = save_corpus([make_doc("医保码真好", [(0, 3, "X")])])
    predictions = predict_corpus(nlp, corpus)
    report = build_report(predictions, score(predictions))
    page = render_page(report, sections(report))
    Page(page)
    assert "The components of this pipeline give no confidences." in page
    assert "Name the corpus trained on (--train)" in page
    assert "No run folder" in page
    assert "No error at all." in page


def test_many_labels(
    make_report: Callable[..., Report], make_doc: MakeDoc, save_corpus: SaveCorpus
) -> None:
    docs = [make_doc(f"好{n}", [(0, 1, f"label {n}")], {"情感/positive": 1.0}) for n in range(40)]
    report = make_report(save_corpus(docs))
    page = render_page(report, sections(report))
    Page(page)
    assert "labels are too many for a table" in page


def test_long_texts_are_cut_around_the_errors() -> None:
    def span(start: int, side: str, right: bool) -> dict:
        return {"start": start, "end": start + 2, "label": "X", "side": side, "right": right}

    text = "长" * 500 + "错误" + "长" * 500
    document = {
        "text": text,
        "entities": [span(0, "gold", True), span(500, "gold", False), span(990, "predicted", True)],
    }
    found = pieces(document, "gold")
    assert [piece for piece, _ in found] == [CUT, "长" * 80, "错误", "长" * 80, CUT]
    assert found[2][1] == document["entities"][1]
    assert [piece for piece, _ in pieces(document, "predicted")] == [
        CUT,
        "长" * 80 + "错误" + "长" * 80,
        CUT,
    ]
    unwrong = {"text": text, "entities": []}
    assert [len(piece) for piece, _ in pieces(unwrong, "gold")] == [400, len(CUT)]


def test_a_file_in_the_way(report: Report, tmp_path: Path) -> None:
    (tmp_path / "报告").write_text("x", encoding="utf8")
    with pytest.raises(XinzhiError, match="is a file"):
        write_report(tmp_path / "报告", report)


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_doc: MakeDoc, save_corpus: SaveCorpus
) -> Path:
    monkeypatch.chdir(tmp_path)
    nlp = spacy.blank("zh")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "X", "pattern": "医保码"}])  # type: ignore[attr-defined]
    nlp.to_disk("模型")
    save_corpus([make_doc("医保码真好", [(0, 3, "X")])], "good.spacy")
    save_corpus([make_doc("医保码真好", [])], "empty.spacy")
    return tmp_path


def test_command(here: Path) -> None:
    command = [
        "evaluate",
        "模型",
        "good.spacy",
        "-o",
        "m.json",
        "--report",
        "r",
        "--train",
        "good.spacy",
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (here / "r").iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    assert "seen in training with this label" in (here / "r" / "report.md").read_text("utf8")
    assert "worst" not in json.loads((here / "m.json").read_text("utf8"))


def test_gold_without_entities_is_an_error_and_leaves_nothing(here: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "模型", "empty.spacy", "--report", "r"])
    assert result.exit_code == 1
    assert "carries an entity" in result.output
    assert not (here / "r").exists()
    result = CliRunner().invoke(app, ["evaluate", "模型", "good.spacy", "--train", "good.spacy"])
    assert result.exit_code == 2
    assert "--report" in result.output
