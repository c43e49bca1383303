"""What people see of an evaluation."""

from __future__ import annotations

import io

from rich.console import Console
from spacy.language import Language

from xinzhi.evaluation.evaluate import evaluate
from xinzhi.evaluation.output import print_scores

from .conftest import MakeDoc, SaveCorpus


def test_tables(ruler: Language, make_doc: MakeDoc, save_corpus: SaveCorpus) -> None:
    ruler.add_pipe("test_cats")
    cats = {"情感/positive": 1.0, "情感/negative": 0.0, "aspect/价格": 1.0, "topic/short": 0.0}
    corpus = save_corpus([make_doc("一网通办和医保码真好", [(0, 4, "X")], cats)])
    console = Console(file=io.StringIO(), width=100)
    print_scores(evaluate(ruler, corpus), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "│ X " in text
    assert "│ Y " in text
    assert "n/a" in text
    assert "0.6667" in text  # F1 over both labels
    assert "Head 情感" in text
    assert "Head aspect: not scored" in text
    assert "weighted without O" in text
    assert "1 documents, 10 characters" in text
