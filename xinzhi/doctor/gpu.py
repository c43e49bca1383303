"""The GPU, its driver, and whether torch and CuPy fit it."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from .check import NOTE, PROBLEM, Check

AREA = "gpu"
SECONDS = 10


@dataclass(frozen=True)
class GpuFacts:
    """What there is.

    driver (str): GPUs with driver and memory, as nvidia-smi lists them; empty if there are none.
    torch_cuda (str | None): The CUDA version torch was built for; None for a CPU build.
    torch_sees (int): GPUs that torch can use.
    cupy (str | None): Name of the installed CuPy distribution.
    """

    driver: str = ""
    torch_cuda: str | None = None
    torch_sees: int = 0
    cupy: str | None = None


def check_gpu() -> Iterator[Check]:
    """YIELDS (Check): torch, driver, CuPy on this machine."""
    yield from judge(read_facts())


def read_facts() -> GpuFacts:
    """RETURNS (GpuFacts): Those of this machine."""
    import torch

    return GpuFacts(
        driver=_driver(),
        torch_cuda=torch.version.cuda,
        torch_sees=torch.cuda.device_count() if torch.cuda.is_available() else 0,
        cupy=_cupy(),
    )


def judge(facts: GpuFacts) -> Iterator[Check]:
    """YIELDS (Check): What the facts mean."""
    if not facts.driver and not facts.torch_sees:
        yield Check(AREA, "GPU", "none: everything runs on the CPU")
        if facts.cupy:
            yield Check(AREA, "CuPy", f"{facts.cupy} without a GPU", NOTE)
        return
    yield Check(AREA, "GPU", facts.driver or f"{facts.torch_sees} seen by torch")
    yield _judge_torch(facts)
    yield _judge_cupy(facts)


def _judge_torch(facts: GpuFacts) -> Check:
    if facts.torch_sees:
        return Check(AREA, "torch", f"CUDA {facts.torch_cuda}, {facts.torch_sees} GPU(s)")
    if facts.torch_cuda is None:
        found, fix = "built for the CPU only", "Install a CUDA build: see pytorch.org/get-started"
    else:
        found = f"built for CUDA {facts.torch_cuda}, but sees no GPU"
        fix = "Update the driver, or install a torch for an older CUDA (or CUDA_VISIBLE_DEVICES)"
    return Check(AREA, "torch", found, PROBLEM, fix)


def _judge_cupy(facts: GpuFacts) -> Check:
    """spaCy uses a GPU through CuPy, which must be built for the CUDA of torch."""
    wanted = (facts.torch_cuda or "12").split(".")[0]
    fix = f"pip install cupy-cuda{wanted}x"
    if facts.cupy is None:
        return Check(AREA, "CuPy", "not installed, so spaCy cannot use the GPU", PROBLEM, fix)
    built = re.match(r"cupy-cuda(\d+)x", facts.cupy)
    if built and built[1] != wanted:
        found = f"{facts.cupy}, but torch is for CUDA {facts.torch_cuda}"
        return Check(AREA, "CuPy", found, PROBLEM, f"pip uninstall {facts.cupy.split()[0]}; {fix}")
    return Check(AREA, "CuPy", facts.cupy)


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "; ".join(done.stdout.split("\n")).strip("; ") if done.returncode == 0 else ""


def _cupy() -> str | None:
    for found in importlib.metadata.distributions():
        name = found.metadata["Name"] or ""
        if re.fullmatch(r"cupy(-(cuda|rocm)[\w-]+)?", name.lower()):
            return f"{name} {found.version}"
    return None
