import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from xinzhi.layers import attention as module
from xinzhi.layers.attention import attention, fast_attention


def inputs(batch=2, heads=3, length=5, width=4):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, heads, length, width, generator=generator) for _ in range(3)]


MASKS = {
    "none": None,
    "bool": torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)[:, None, None, :],
    "added": torch.tensor([[0.0, -1.0, 0.5, -1e9, 0.0]]),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_equals_torch(mask, scale):
    query, key, value = inputs()
    expected = scaled_dot_product_attention(query, key, value, MASKS[mask], scale=scale)
    got = attention(query, key, value, MASKS[mask], scale=scale)
    torch.testing.assert_close(got, expected)


def test_causal_is_left_to_torch():
    query, key, value = inputs()
    expected = scaled_dot_product_attention(query, key, value, is_causal=True)
    assert torch.equal(attention(query, key, value, is_causal=True), expected)


def test_a_row_that_attends_nowhere_is_finite():
    query, key, value = inputs(batch=1)
    nowhere = torch.zeros(1, 1, 1, 5, dtype=torch.bool)
    assert attention(query, key, value, nowhere).isfinite().all()


@pytest.mark.parametrize(
    ("training", "device", "plain"),
    [(True, "cpu", True), (False, "cpu", False), (True, "cuda", False)],
)
def test_where_it_is_used(monkeypatch, training, device, plain):
    calls = []
    monkeypatch.setattr(
        module, "attention", lambda *args, **kwargs: calls.append(1) or attention(*args, **kwargs)
    )
    with fast_attention(training, device):
        torch.nn.functional.scaled_dot_product_attention(*inputs())
    assert bool(calls) is plain
    torch.nn.functional.scaled_dot_product_attention(*inputs())
    assert len(calls) == plain
