"""Contrastive fine-tuning: the loss, what is drawn, and that it helps."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from xinzhi.apps.faq import Embedder, Faq, FineTuning
from xinzhi.apps.faq.fine_tune import Pairs, fine_tune, info_nce
from xinzhi.apps.settings_file import read_settings
from xinzhi.errors import XinzhiError

from ..conftest import ENTRIES, QUERIES

ROOT = Path(__file__).parents[3]
FAST = FineTuning(epochs=20, batch_size=6, learn_rate=3e-3, frozen_layers=0)


def test_info_nce_by_hand() -> None:
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.0, 1.0]])
    loss = info_nce(queries, keys, [0, 1, 2, 1], 0.5)
    first = -math.log(math.exp(2) / (math.exp(2) + 1 + math.exp(1.2) + 1))
    second = -math.log(math.exp(2) / (math.exp(2) + 1 + math.exp(1.6)))  # key 3 is its own, too
    back = -math.log(math.exp(2) / (math.exp(2) + 1))  # of both keys, among the two queries
    assert float(loss) == pytest.approx(((first + second) / 2 + back) / 2)


def test_a_batch(embedder: Embedder) -> None:
    pairs = Pairs(ENTRIES, QUERIES, embedder, replace(FAST, hard_negatives=2, hard_pool=3))
    texts = {entry.id: [*entry.wordings, entry.full] for entry in ENTRIES}
    owner = {text: number for number, entry in enumerate(ENTRIES) for text in texts[entry.id]}
    owner |= {q.text: [e.id for e in ENTRIES].index(q.entry) for q in QUERIES if q.entry}
    batches = list(pairs)
    assert len(batches) == pairs.batches
    for batch in batches:
        count = len(batch.queries)
        assert len(batch.keys) == len(batch.owners) == 3 * count
        rows = zip(batch.queries, batch.keys[:count], batch.owners[:count], strict=True)
        for number, (text, key, name) in enumerate(rows):
            assert owner[text] == owner[key] == name
            assert text != key
            wrong = batch.owners[count + 2 * number : count + 2 * number + 2]
            assert name not in wrong
            assert len(set(wrong)) == 2


def lead(embedder: Embedder) -> float:
    """How much nearer queries are to their own entry than to the others, on average."""
    keys = embedder.encode([entry.full for entry in ENTRIES])
    asked = [query for query in QUERIES if query.entry]
    cosines = embedder.encode([query.text for query in asked]) @ keys.T
    own = np.array([[entry.id == query.entry for entry in ENTRIES] for query in asked])
    return float(cosines[own].mean() - cosines[~own].mean())


def test_queries_come_near_their_entries(embedder: Embedder) -> None:
    losses: list[float] = []
    before = embedder.encode(["医保"])
    tuned = fine_tune(
        embedder, ENTRIES, QUERIES, FAST, lambda step, steps, loss: losses.append(loss)
    )
    assert np.mean(losses[-6:]) < 0.7 * np.mean(losses[:6])
    assert lead(tuned) > lead(embedder) + 0.1
    assert np.array_equal(embedder.encode(["医保"]), before), (
        "the encoder that was given is as it was"
    )
    again = fine_tune(embedder, ENTRIES, QUERIES, FAST)
    assert np.allclose(again.encode(["医保"]), tuned.encode(["医保"]), atol=1e-3)


def test_an_index_with_a_fine_tuned_encoder(embedder: Embedder, tmp_path: Path) -> None:
    faq = Faq.build(tmp_path / "index", ENTRIES, embedder, QUERIES, FAST)
    assert not np.allclose(faq.embedder.encode(["医保"]), embedder.encode(["医保"]), atol=0.01)
    assert faq.ask("医保卡找不到了")["answers"][0]["id"] == "医保-2"


def test_settings(tmp_path: Path) -> None:
    assert read_settings(ROOT / "configs" / "faq.yml", FineTuning) == FineTuning()
    path = tmp_path / "tune.yml"
    for text, words in (
        ("epoch: 3", "'epoch' is no setting"),
        ("epochs: many", "'epochs' is 'many'"),
        ("epochs: 2.5", "'epochs' is 2.5"),
        ("batch_size: 1", f"{path}: batch_size = 1 is out of range"),
        ("- 1", "holds no settings"),
        ("a: [", "is not YAML"),
    ):
        path.write_text(text, encoding="utf8")
        with pytest.raises(XinzhiError) as info:
            read_settings(path, FineTuning)
        assert words in str(info.value)
    path.write_text("temperature: 1", encoding="utf8")
    assert read_settings(path, FineTuning).temperature == 1.0
    with pytest.raises(XinzhiError, match="cannot be read"):
        read_settings(tmp_path / "none.yml", FineTuning)
