from __future__ import annotations

import pytest
import torch

from xinzhi.layers import linear
from xinzhi.layers.linear import (
    PackedLinear,
    PlainLinear,
    can_pack,
    make_linear,
    rounds_by_rows,
)

FORMS = [PlainLinear, PackedLinear]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [1, 7, 300])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1)])
def test_both_forms_compute_the_definition(
    form: type, rows: int, dtype: torch.dtype, atol: float
) -> None:
    if form is PackedLinear and not can_pack(dtype):
        pytest.skip(f"this torch cannot pack {dtype} on this CPU")
    torch.manual_seed(0)
    weight, bias = torch.randn(24, 16) * 0.3, torch.randn(24)
    X, residual = torch.randn(rows, 16), torch.randn(rows, 24)
    expected = X @ weight.T + bias
    layer = form(weight, bias, dtype)
    with torch.inference_mode():
        near = {"atol": atol, "rtol": 1e-4, "check_dtype": False}
        x, r = X.to(dtype), residual.to(dtype)
        torch.testing.assert_close(layer(x), expected, **near)
        torch.testing.assert_close(layer.add(x, r), expected + residual, **near)
        torch.testing.assert_close(layer.activate(x, "relu"), expected.relu(), **near)
        for name, how in linear.GELU.items():
            gelu = torch.nn.functional.gelu(expected, approximate=how)
            torch.testing.assert_close(layer.activate(x, name), gelu, **near)


def test_plain_where_torch_lacks_the_packed_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    can_pack.cache_clear()
    monkeypatch.setattr(PackedLinear, "__init__", lambda *args: torch.ops.mkldnn.no_such_operation)
    weight = torch.ones(16, 16)
    layer = make_linear(weight, weight[0], torch.float32)
    can_pack.cache_clear()
    assert isinstance(layer, PlainLinear)
    assert layer.weight is weight  # no copy


def test_half_precision_weights_are_taken_up() -> None:
    weight, bias = torch.ones(16, 16, dtype=torch.float16), torch.zeros(16, dtype=torch.float16)
    layer = make_linear(weight, bias, torch.float32)
    with torch.inference_mode():
        assert layer(torch.ones(2, 16)).eq(16.0).all()


@pytest.mark.parametrize(("n_out", "n_in"), [(384, 384), (384, 1536), (1536, 384), (32, 64)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_does_not_depend_on_the_number_of_rows(
    n_out: int, n_in: int, dtype: torch.dtype
) -> None:
    if not can_pack(dtype):
        pytest.skip(f"this torch cannot pack {dtype} on this CPU")
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(n_out, n_in, generator=generator) / n_in**0.5
    X = torch.randn(640, n_in, generator=generator).to(dtype)
    residual = torch.randn(640, n_out, generator=generator).to(dtype)
    layer = make_linear(weight, weight[:, 0], dtype)
    if n_in == 1536 and dtype != torch.float32 and not rounds_by_rows(n_out, n_in, dtype):
        pytest.skip("this CPU sums so many features in an order that blocks of rows do not settle")
    with torch.inference_mode():
        whole = layer.add(X, residual)
        for rows in (16, 32, 48, 128, 256, 480, 512):
            assert layer.add(X[:rows], residual[:rows]).equal(whole[:rows]), rows


def test_blocks_are_not_used_where_they_are_not_needed() -> None:
    assert not rounds_by_rows(384, 384, torch.bfloat16)
    assert not rounds_by_rows(384, 1536, torch.float32)
