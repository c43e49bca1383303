"""Our forward pass against transformers', for every setting it says it can do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AlbertConfig,
    AutoModel,
    BertConfig,
    CamembertConfig,
    DistilBertConfig,
    ElectraConfig,
    PretrainedConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from xinzhi.encoders.loading import config_dict
from xinzhi.layers.bert_runtime import BertRuntime, product_rows, supports
from xinzhi.layers.encoder_runtime import TransformerRuntime, make_runtime

SIZES: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
}
LENGTHS = (14, 9, 1)


def build(config: PretrainedConfig) -> Any:
    torch.manual_seed(0)
    model = AutoModel.from_config(config, add_pooling_layer=False).eval()
    for weight in model.parameters():  # transformers starts with biases of 0 and norms of 1
        torch.nn.init.normal_(weight, 0.1, 0.3)
    return model


def batch(pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(5, 50, (len(LENGTHS), max(LENGTHS)))
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return ids.masked_fill(~mask, pad), mask


CONFIGS = {
    "bert": BertConfig(**SIZES, pad_token_id=0),
    "bert, other padding": BertConfig(**SIZES, pad_token_id=3),
    "bert, one token type": BertConfig(**SIZES, type_vocab_size=1, layer_norm_eps=1e-5),
    "bert, relu": BertConfig(**SIZES, hidden_act="relu"),
    "bert, gelu_new": BertConfig(**SIZES, hidden_act="gelu_new"),
    "roberta": RobertaConfig(**SIZES, pad_token_id=1),
    "xlm-roberta": XLMRobertaConfig(**SIZES, pad_token_id=4),
    "camembert": CamembertConfig(**SIZES, pad_token_id=1),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.bfloat16, 0.2)])
def test_same_vectors_as_transformers(name: str, dtype: torch.dtype, atol: float) -> None:
    model = build(CONFIGS[name])
    ids, mask = batch(model.config.pad_token_id)
    config, state = config_dict(model), model.state_dict()
    runtime = make_runtime(config, state, dtype, lambda: pytest.fail("not needed"))
    assert isinstance(runtime, BertRuntime)
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).last_hidden_state
        found = runtime([(ids, mask)]).float().view_as(expected)
        longest = runtime([(ids[:1], mask[:1])])  # nothing to mask
    torch.testing.assert_close(found[mask], expected[mask], atol=atol, rtol=1e-4)
    torch.testing.assert_close(longest.float(), expected[0], atol=atol, rtol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        AlbertConfig(**SIZES, embedding_size=32),
        ElectraConfig(**SIZES, embedding_size=16),
        DistilBertConfig(vocab_size=50, dim=32, hidden_dim=64, n_layers=2, n_heads=4),
        BertConfig(**SIZES, position_embedding_type="relative_key"),
        BertConfig(**SIZES, hidden_act="silu"),
        BertConfig(**SIZES, is_decoder=True),
    ],
    ids=lambda config: f"{config.model_type} {config.to_diff_dict().get('hidden_act', '')}",
)
def test_anything_else_runs_in_transformers(config: PretrainedConfig) -> None:
    torch.manual_seed(0)
    model = AutoModel.from_config(config).eval()
    assert not supports(config_dict(model), model.state_dict())
    ids, mask = batch(0)
    runtime = make_runtime(config_dict(model), model.state_dict(), torch.float32, lambda: model)
    assert isinstance(runtime, TransformerRuntime)
    assert runtime.model is model  # no copy
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(runtime([(ids, mask)]), expected.flatten(0, 1))


def test_weights_that_a_plain_bert_does_not_have_are_not_ignored() -> None:
    model = build(CONFIGS["bert"])
    state = dict(model.state_dict()) | {"encoder.layer.0.adapter.weight": torch.zeros(2, 2)}
    assert supports(config_dict(model), model.state_dict())
    assert not supports(config_dict(model), state)


def test_autocast_where_transformers_runs() -> None:
    torch.manual_seed(0)
    model = AutoModel.from_config(AlbertConfig(**SIZES, embedding_size=32)).eval()
    ids, mask = batch(0)
    with torch.inference_mode():
        exact = TransformerRuntime(model, torch.float32)([(ids, mask)])
        rounded = TransformerRuntime(model, torch.bfloat16)([(ids, mask)])
    assert not rounded.float().equal(exact)
    torch.testing.assert_close(rounded.float()[:14], exact[:14], atol=0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(1, 16), (16, 16), (17, 32), (256, 256), (257, 288), (512, 512), (513, 576), (4096, 4096)],
)
def test_products_have_few_sizes(rows: int, expected: int) -> None:
    assert product_rows(rows) == expected


def test_a_few_kernels_serve_all_lengths() -> None:
    sizes = [product_rows(rows) for rows in range(1, 4097)]
    assert len(set(sizes)) <= 48  # 4 products each: fewer than the kernels that are kept
    assert all(0 <= size - rows < max(16, rows / 8) for rows, size in enumerate(sizes, 1))
