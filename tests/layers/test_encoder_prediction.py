"""Prediction with an encoder: which weights are in memory, in which type, and until when."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc

from tests.util import TEXTS
from xinzhi.layers.bert_runtime import BertRuntime
from xinzhi.layers.encoder_module import FEW_PIECES, threads_for
from xinzhi.layers.encoder_runtime import TransformerRuntime
from xinzhi.layers.encoder_store import STORES, StoredEncoder
from xinzhi.training.weights import exact_weights

MakeEncoder = Callable[..., Path]


def make_nlp(encoder: Path, **settings: object) -> Language:
    nlp = spacy.blank("zh")
    model = {"@architectures": "xinzhi.Encoder.v1", "name": str(encoder)} | settings
    nlp.add_pipe("transformer", config={"model": model})
    nlp.initialize()
    return nlp


def shim(nlp: Language) -> Any:
    return nlp.get_pipe("transformer").model.shims[0]  # type: ignore[attr-defined]


def vectors(doc: Doc) -> np.ndarray:
    return doc._.trf_data.model_output.last_hidden_state[0]


def update(nlp: Language) -> None:
    """One step of the optimizer, for a gradient of ones."""
    model = nlp.get_pipe("transformer").model  # type: ignore[attr-defined]
    batch, backprop = model([nlp.make_doc(TEXTS[0])], is_train=True)
    backprop(batch)
    model.finish_update(nlp.create_optimizer())


@pytest.fixture
def nlp(tiny_encoder: MakeEncoder) -> Language:
    return make_nlp(tiny_encoder())


def test_a_loaded_pipeline_predicts_without_transformers_module(
    nlp: Language, tmp_path: Path
) -> None:
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    np.testing.assert_allclose(vectors(loaded(TEXTS[0])), vectors(nlp(TEXTS[0])), atol=1e-5)
    held = shim(loaded)
    assert isinstance(loaded.get_pipe("transformer").model.runtime, BertRuntime)  # type: ignore[attr-defined]
    assert held._module is None
    words = held._stored.transformer_state["embeddings.word_embeddings.weight"]
    assert held.predictor.runtime._words is words  # the largest table is there once
    saved = StoredEncoder.from_bytes(held.to_bytes())
    for name, weight in shim(nlp).module.state_dict().items():
        assert saved.state[name].equal(weight)


def test_weights_are_converted_once_and_given_back_when_training_starts(nlp: Language) -> None:
    nlp(TEXTS[0])
    first = shim(nlp)._predictor
    before = vectors(nlp(TEXTS[1]))
    assert shim(nlp)._predictor is first
    model = nlp.get_pipe("transformer").model  # type: ignore[attr-defined]
    model([nlp.make_doc(TEXTS[0])], is_train=True)
    assert shim(nlp)._predictor is None
    np.testing.assert_array_equal(vectors(nlp(TEXTS[1])), before)
    update(nlp)
    assert shim(nlp)._predictor is None
    assert np.abs(vectors(nlp(TEXTS[1])) - before).max() > 1e-5


def test_weights_changed_by_hand_are_seen(nlp: Language) -> None:
    before = vectors(nlp(TEXTS[0]))
    with torch.no_grad():
        shim(nlp).transformer.encoder.layer[0].output.dense.weight.mul_(1.5)
    changed = vectors(nlp(TEXTS[0]))
    assert np.abs(changed - before).max() > 1e-3
    shim(nlp).predict_precision = "bf16"
    assert 0 < np.abs(vectors(nlp(TEXTS[0])) - changed).max() < 0.2


def test_training_and_prediction_agree(nlp: Language) -> None:
    module = shim(nlp).module
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    shim(nlp).module.train_precision = "fp32"
    model = nlp.get_pipe("transformer").model  # type: ignore[attr-defined]
    docs = [nlp.make_doc(text) for text in TEXTS[:7]]
    trained, _ = model(docs, is_train=True)
    np.testing.assert_allclose(model.predict(docs).flat, trained.flat, atol=1e-5)


@pytest.mark.parametrize(("store", "atol"), [("fp16", 0.01), ("bf16", 0.1)])
def test_half_precision_on_disk(
    tiny_encoder: MakeEncoder, tmp_path: Path, store: str, atol: float
) -> None:
    nlp = make_nlp(tiny_encoder(), store=store)
    nlp.to_disk(tmp_path / "half")
    loaded = spacy.load(tmp_path / "half")
    np.testing.assert_allclose(vectors(loaded(TEXTS[0])), vectors(nlp(TEXTS[0])), atol=atol)
    assert loaded.config["components"]["transformer"]["model"]["store"] == store
    assert {w.dtype for w in shim(loaded)._stored.transformer_state.values()} == {STORES[store]}
    before = vectors(loaded(TEXTS[0]))
    loaded.to_disk(tmp_path / "again")  # rounded once, not again
    np.testing.assert_array_equal(vectors(spacy.load(tmp_path / "again")(TEXTS[0])), before)
    update(loaded)
    assert shim(loaded).transformer.dtype == torch.float32  # trained on in full precision


def test_checkpoints_are_exact(tiny_encoder: MakeEncoder, tmp_path: Path) -> None:
    nlp = make_nlp(tiny_encoder(), store="fp16")
    with exact_weights(nlp):
        nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    for name, weight in shim(nlp).module.state_dict().items():
        assert weight.equal(shim(loaded)._stored.state[name])
    assert len(shim(loaded).to_bytes()) < 0.6 * (tmp_path / "transformer" / "model").stat().st_size


def test_a_pipeline_from_before_these_settings(nlp: Language, tmp_path: Path) -> None:
    del nlp.config["components"]["transformer"]["model"]["store"]
    nlp.to_disk(tmp_path)
    np.testing.assert_allclose(
        vectors(spacy.load(tmp_path)(TEXTS[0])), vectors(nlp(TEXTS[0])), atol=1e-6
    )


def test_trained_in_mixed_precision_loads_on_a_cpu(
    tiny_encoder: MakeEncoder, tmp_path: Path
) -> None:
    nlp = make_nlp(tiny_encoder(), train_precision="fp16", predict_precision="fp16", store="fp16")
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    np.testing.assert_allclose(vectors(loaded(TEXTS[0])), vectors(nlp(TEXTS[0])), atol=0.01)
    update(loaded)
    assert np.isfinite(vectors(loaded(TEXTS[0]))).all()


def test_an_encoder_of_another_family(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = vectors(nlp(TEXTS[0]))
    blob = nlp.to_bytes()
    monkeypatch.setattr("xinzhi.layers.encoder_runtime.supports", lambda *args: False)
    loaded = spacy.blank("zh").from_config(nlp.config).from_bytes(blob)
    np.testing.assert_allclose(vectors(loaded(TEXTS[0])), expected, atol=1e-5)
    assert isinstance(shim(loaded).predictor.runtime, TransformerRuntime)
    assert shim(loaded)._stored is None  # the module holds the weights now
    shim(loaded).predict_precision = "bf16"
    np.testing.assert_allclose(vectors(loaded(TEXTS[0])), expected, atol=0.2)


def test_a_copy_for_another_process_leaves_the_converted_weights_behind(nlp: Language) -> None:
    expected = vectors(nlp(TEXTS[0]))
    copied = copy.deepcopy(shim(nlp))
    assert copied._predictor is None
    nlp.get_pipe("transformer").model.shims[0] = copied  # type: ignore[attr-defined]
    np.testing.assert_allclose(vectors(nlp(TEXTS[0])), expected, atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("batch_size", [2, 5, 16])
def test_a_text_gets_the_same_vectors_alone_and_in_any_batch(
    nlp: Language, precision: str, batch_size: int
) -> None:
    shim(nlp).predict_precision = precision
    texts = [text[:n] for n in (1, 3, 9, 20) for text in TEXTS[:4]] + ["，".join(TEXTS[:9])]
    together = [vectors(doc) for doc in nlp.pipe(texts, batch_size=batch_size)]
    for text, found in zip(texts, together, strict=True):
        np.testing.assert_array_equal(found, vectors(nlp(text)))


def test_what_is_saved(nlp: Language) -> None:
    stored = StoredEncoder.from_bytes(shim(nlp).to_bytes())
    assert stored.config["model_type"] == "bert"
    assert json.loads(stored.tokenizer)["model"]["type"] == "Unigram"
    assert stored.max_pieces == 64


@pytest.mark.parametrize(("pieces", "expected"), [(FEW_PIECES, 1), (FEW_PIECES + 1, 2)])
def test_little_work_is_done_by_one_thread(pieces: int, expected: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads_for(pieces, "cpu"):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == 2
        with pytest.raises(ValueError, match="lost"), threads_for(pieces, "cpu"):
            raise ValueError("lost")
        assert torch.get_num_threads() == 2
        with threads_for(1, "cuda"):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
