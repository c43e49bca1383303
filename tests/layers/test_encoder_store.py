"""What is saved of an encoder: the type of its weights, and everything but rounding kept."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save

from xinzhi.layers.encoder_store import STORES, StoredEncoder, read_metadata, round_to


def stored(**weights: torch.Tensor) -> StoredEncoder:
    state = {f"transformer.{name}": weight for name, weight in weights.items()}
    return StoredEncoder({"model_type": "bert"}, "{}", 3, 64, {"mean": torch.ones(2) / 3} | state)


@pytest.mark.parametrize(("store", "error"), [("fp32", 0.0), ("fp16", 2**-11), ("bf16", 2**-8)])
def test_rounding_of_each_type(store: str, error: float) -> None:
    weight = torch.linspace(-1.0, 1.0, 999)
    there = StoredEncoder.from_bytes(stored(a=weight).to_bytes(store))
    found = there.transformer_state["a"]
    assert found.dtype == STORES[store]
    assert (found.float() - weight).abs().max() <= error
    assert there.state["mean"].equal(torch.ones(2) / 3)  # not from the transformer: exact
    assert (there.config, there.tokenizer) == ({"model_type": "bert"}, "{}")
    assert (there.pad_id, there.max_pieces) == (3, 64)
    again = StoredEncoder.from_bytes(there.to_bytes(store))
    assert again.transformer_state["a"].equal(found)  # rounded once


def test_a_weight_that_does_not_fit_keeps_its_type() -> None:
    large = torch.tensor([1e6, 1.0])
    assert round_to(large, "fp16") is large
    assert round_to(large, "bf16").dtype == torch.bfloat16
    counts = torch.tensor([70000])
    assert round_to(counts, "fp16") is counts


def test_half_the_size() -> None:
    weight = torch.zeros(100_000)
    sizes = {store: len(stored(a=weight).to_bytes(store)) for store in STORES}
    assert sizes["fp16"] == sizes["bf16"] < 0.51 * sizes["fp32"]


def test_another_format_is_refused() -> None:
    blob = save({"a": torch.zeros(1)}, metadata={"format": "something else"})
    assert read_metadata(blob) == {"format": "something else"}
    with pytest.raises(ValueError, match="something else"):
        StoredEncoder.from_bytes(blob)
