"""Drift is seen where there is some, and not where there is only chance."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from xinzhi.apps.monitor.database import Database
from xinzhi.apps.monitor.drift import Sample, corpus_sample, measure_drift, posts_sample, psi
from xinzhi.apps.monitor.ingest import ingest
from xinzhi.errors import XinzhiError

from .conftest import OPINION

WORDS = "付款失败银行客服理财收益到账手机服务网点排队保险理赔快慢好坏贷款利息"


def sample(seed: int, count: int = 300, words: str = WORDS, sure: float = 8.0) -> Sample:
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list(words), size=rng.integers(10, 40))) for _ in range(count)]
    labels = rng.choice(["negative", "neutral", "positive"], size=count, p=[0.3, 0.4, 0.3])
    return Sample(
        texts,
        {"sentiment": labels.tolist(), "topic": []},
        {"sentiment": rng.beta(sure, 1, count).tolist(), "topic": []},
    )


def levels(one: Sample, two: Sample) -> dict[str, str]:
    return {row.name: row.level for row in measure_drift(one, two)}


@pytest.mark.parametrize("seed", range(5))
def test_no_drift_by_chance(seed: int) -> None:
    found = levels(sample(seed), sample(seed + 100, 150))
    names = {"length", "vocabulary", "labels of sentiment", "confidence of sentiment"}
    assert set(found) == names
    assert set(found.values()) == {"none"}


def test_each_kind_of_drift() -> None:
    old, new = sample(0), sample(1)
    new.texts = [text * 3 for text in new.texts]
    assert levels(old, new)["length"] == "large"
    assert levels(old, sample(1, words="量子纠缠黑洞星系望远镜轨道"))["vocabulary"] == "large"
    assert levels(old, sample(1, sure=1.5))["confidence of sentiment"] == "large"
    new = sample(1)
    new.labels["sentiment"] = ["negative"] * 200 + ["neutral"] * 100
    (row,) = [r for r in measure_drift(old, new) if r.name == "labels of sentiment"]
    assert row.level == "large"
    assert row.detail.startswith(("negative", "positive"))


def test_psi() -> None:
    value, noise = psi([50, 50], [50, 50])
    assert value == 0
    assert noise == pytest.approx(2 / 100 * 10.83, rel=0.01)  # χ² with 1 degree of freedom
    value, _ = psi([500_000, 500_000], [750_000, 250_000])
    assert value == pytest.approx(0.25 * np.log(3), rel=1e-3)


def test_posts_and_training_files(opened: Database) -> None:
    ingest(opened, [str(OPINION / "predicted.jsonl")])
    day = datetime(2026, 1, 19)
    before, after = posts_sample(opened, None, day), posts_sample(opened, day, None)
    assert len(before.texts) + len(after.texts) == 400
    assert len(before.confidences["topic"]) == len(before.texts)
    found = levels(before, after)
    assert found["labels of topic"] == "large"  # the surge of 支付
    reference = corpus_sample([OPINION / "posts.jsonl"])
    everything = posts_sample(opened, None, None)
    assert set(levels(reference, everything).values()) == {"none"}
    with pytest.raises(XinzhiError, match="current time has 0 texts"):
        measure_drift(reference, posts_sample(opened, datetime(2030, 1, 1), None))
    with pytest.raises(XinzhiError, match="no file nowhere"):
        corpus_sample([Path("nowhere.jsonl")])
