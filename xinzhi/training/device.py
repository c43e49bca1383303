"""Choosing CPU or GPU the way spaCy does, with one clear line when the GPU is not there."""

from __future__ import annotations

import os

from ..errors import XinzhiError


def use_device(gpu_id: int) -> None:
    """Run on the CPU, or on the GPU of that number.

    gpu_id (int): -1 for the CPU, else the number of the GPU.
    Unless OMP_NUM_THREADS is set, torch gets no more threads than cores it may run on: where a
    container may use few cores of a large machine, the others would wait for each other.
    RAISES (XinzhiError): The GPU is not there, or CuPy is missing.
    """
    import torch
    from thinc.api import require_cpu, require_gpu

    torch.set_flush_denormal(True)  # numbers near 0 cost a CPU many times the others
    _limit_threads()
    if gpu_id < 0:
        require_cpu()
        return
    reason = _why_no_gpu(gpu_id)
    if reason:
        raise XinzhiError(
            f"GPU {gpu_id} was asked for, but {reason}.",
            "Use --gpu-id -1 (vars.gpu_id in project.yml) for the CPU, or install the GPU parts: "
            "a CUDA build of torch and pip install 'xinzhi[cuda12x]'.",
        )
    require_gpu(gpu_id)


def _limit_threads() -> None:
    import torch

    from ..benchmark.machine import available_cores
    from ..doctor.cpu import CGROUP, cpu_quota

    cores = available_cores()
    cores = min(cores, cpu_quota(CGROUP) or cores)
    if "OMP_NUM_THREADS" not in os.environ and torch.get_num_threads() > cores:
        torch.set_num_threads(cores)


def _why_no_gpu(gpu_id: int) -> str:
    """RETURNS (str): What is missing for that GPU, or an empty string."""
    import torch
    from thinc.compat import has_cupy_gpu, has_torch_mps_gpu

    if has_torch_mps_gpu:
        return "" if gpu_id == 0 else "this machine has one GPU, number 0"
    if not torch.cuda.is_available():
        return "torch sees no GPU on this machine"
    if gpu_id >= torch.cuda.device_count():
        return f"torch sees {torch.cuda.device_count()} GPU(s), numbered from 0"
    if not has_cupy_gpu:
        return "spaCy needs CuPy to use it, and CuPy is not installed or sees no GPU"
    return ""
