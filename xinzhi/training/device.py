"""Choosing CPU or GPU the way spaCy does, with one clear line when the GPU is not there."""

from __future__ import annotations

from ..errors import XinzhiError


def use_device(gpu_id: int) -> None:
    """Run on the CPU, or on the GPU of that number.

    gpu_id (int): -1 for the CPU, else the number of the GPU.
    RAISES (XinzhiError): The GPU is not there, or CuPy is missing.
    """
    import torch
    from thinc.api import require_cpu, require_gpu

    torch.set_flush_denormal(True)  # numbers near 0 cost a CPU many times the others
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
