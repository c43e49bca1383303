"""Device choice, with faked hardware."""

from __future__ import annotations

import pytest
import torch
from thinc import compat
from thinc.api import NumpyOps, get_current_ops

from xinzhi.errors import XinzhiError
from xinzhi.training.device import use_device


def fake(
    monkeypatch: pytest.MonkeyPatch, *, gpus: int = 0, cupy: bool = False, mps: bool = False
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(compat, "has_cupy_gpu", cupy)
    monkeypatch.setattr(compat, "has_torch_mps_gpu", mps)


def test_cpu() -> None:
    use_device(-1)
    assert isinstance(get_current_ops(), NumpyOps)


@pytest.mark.parametrize(
    ("gpu_id", "hardware", "message"),
    [
        (0, {}, "torch sees no GPU"),
        (2, {"gpus": 2, "cupy": True}, r"torch sees 2 GPU\(s\)"),
        (0, {"gpus": 1}, "CuPy is not installed"),
        (1, {"mps": True}, "this machine has one GPU"),
    ],
)
def test_gpu_that_cannot_be_used(
    gpu_id: int, hardware: dict[str, bool], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch, **hardware)  # type: ignore[arg-type]
    with pytest.raises(XinzhiError, match=message) as error:
        use_device(gpu_id)
    assert "--gpu-id -1" in error.value.next_step


def test_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, gpus=2, cupy=True)
    used: list[int] = []
    monkeypatch.setattr("thinc.api.require_gpu", used.append)
    use_device(1)
    assert used == [1]


@pytest.mark.parametrize(("setting", "expected"), [(None, 1), ("2", 2)])
def test_no_more_threads_than_a_container_may_use(
    setting: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xinzhi.doctor.cpu.cpu_quota", lambda path: 1)
    if setting is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", setting)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        use_device(-1)
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)
