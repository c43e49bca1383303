"""Fewer layers: which are kept, and that the rest of the encoder stays as it was."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig

from tests.layers.test_encoder import ZH, MakeEncoder, examples_of, make_nlp
from xinzhi.encoders.depth import choose_layers, keep_layers
from xinzhi.encoders.loading import build_transformer
from xinzhi.errors import XinzhiError

SIZES = {"hidden_size": 8, "num_attention_heads": 2, "vocab_size": 11, "intermediate_size": 8}
DISTIL = {"dim": 8, "n_layers": 4, "n_heads": 2, "hidden_dim": 8, "vocab_size": 11}


@pytest.mark.parametrize(
    ("layers", "depth", "chosen"),
    [
        (6, 12, [2, 4, 6, 8, 10, 12]),
        (4, 12, [3, 6, 9, 12]),
        (5, 12, [2, 4, 7, 9, 12]),
        (12, 12, list(range(1, 13))),
        (1, 3, [3]),
        ([3, 1], 3, [1, 3]),
    ],
)
def test_choose_layers(layers, depth, chosen):
    assert choose_layers(layers, depth) == chosen


@pytest.mark.parametrize("layers", [0, -1, 5, [], [0, 1], [5]])
def test_layers_that_are_not_there(layers):
    with pytest.raises(XinzhiError, match="the encoder has 4 layers"):
        choose_layers(layers, 4)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("bert", SIZES | {"num_hidden_layers": 4}),
        ("roberta", SIZES | {"num_hidden_layers": 4}),
        ("electra", SIZES | {"num_hidden_layers": 4}),
        ("distilbert", DISTIL),
    ],
)
def test_the_kept_layers_keep_their_weights(kind, sizes):
    encoder = build_transformer(AutoConfig.for_model(kind, **sizes).to_dict())
    for weight in encoder.parameters():
        torch.nn.init.normal_(weight)
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    keep_layers(encoder, [2, 4])
    assert encoder.config.num_hidden_layers == 2
    assert encoder(torch.tensor([[3, 4]])).last_hidden_state.shape == (1, 2, 8)
    for name, weight in encoder.state_dict().items():
        old = name.replace("layer.1.", "layer.3.").replace("layer.0.", "layer.1.")
        assert torch.equal(weight, before[old])


def test_shared_layers_cannot_be_taken_apart():
    sizes = SIZES | {"num_hidden_layers": 4, "embedding_size": 8}
    encoder = build_transformer(AutoConfig.for_model("albert", **sizes).to_dict())
    with pytest.raises(XinzhiError, match="'albert' cannot be taken apart"):
        keep_layers(encoder, 2)


def test_a_shallow_pipeline_is_saved_and_loaded(tiny_encoder: MakeEncoder) -> None:
    nlp = make_nlp(tiny_encoder(), layers=1)
    nlp.initialize(lambda: examples_of(nlp, ZH))
    loaded = make_nlp(tiny_encoder(), layers=1).from_bytes(nlp.to_bytes())
    for pipeline in (nlp, loaded):
        transformer = pipeline.get_pipe("transformer").model.transformer
        assert transformer.config.num_hidden_layers == 1
        assert len(transformer.encoder.layer) == 1
