"""What the processor can do, and how many threads use it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..benchmark.machine import available_cores, describe_machine
from .check import NOTE, PROBLEM, Check

AREA = "cpu"
CGROUP = Path("/sys/fs/cgroup/cpu.max")


def check_cpu() -> Iterator[Check]:
    """YIELDS (Check): Processor, instruction sets, bf16, threads of this machine."""
    import torch

    from ..encoders.precision import has_bf16

    threads = torch.get_num_threads()
    machine = describe_machine(threads)
    yield Check(AREA, "processor", f"{machine['cpu']}, {machine['cores']} cores")
    used = torch.backends.cpu.get_cpu_capability()
    yield judge_instructions(machine["flags"], used)
    yield judge_bf16(machine["flags"], has_bf16("cpu"))
    yield judge_threads(threads, min(available_cores(), cpu_quota(CGROUP) or available_cores()))


def judge_instructions(flags: Sequence[str], used: str) -> Check:
    """RETURNS (Check): The instruction sets of the processor, and the best one torch uses."""
    found = f"{', '.join(flags) or 'none known'}; torch uses {used}"
    if used in ("DEFAULT", "NO AVX"):
        fix = "Slow: a processor with AVX2, or a torch built for this one, is several times faster."
        return Check(AREA, "instructions", found, NOTE, fix)
    return Check(AREA, "instructions", found)


def judge_bf16(flags: Sequence[str], native: bool) -> Check:
    """RETURNS (Check): Whether precision "auto" means bf16 or fp32."""
    if native:
        return Check(AREA, "bf16", 'native: precision = "auto" trains in bf16')
    if {"amx_bf16", "avx512_bf16"} & set(flags):
        return Check(
            AREA, "bf16", "the processor has it, this torch does not use it: fp32", NOTE,
            "pip install --upgrade torch",
        )  # fmt: skip
    return Check(AREA, "bf16", "not native: everything runs in fp32")


def judge_threads(threads: int, cores: int) -> Check:
    """RETURNS (Check): Threads of torch against the cores this process may use."""
    setting = os.environ.get("OMP_NUM_THREADS")
    found = f"{threads} for {cores} core{'s' * (cores > 1)}"
    found += f" (OMP_NUM_THREADS={setting})" if setting else ""
    if threads > cores:
        return Check(AREA, "threads", found, PROBLEM, f"export OMP_NUM_THREADS={cores}")
    if threads < cores:
        fix = f"To use all of them: export OMP_NUM_THREADS={cores}"
        return Check(AREA, "threads", found, NOTE, fix)
    return Check(AREA, "threads", found)


def cpu_quota(path: Path) -> int | None:
    """RETURNS (int): Cores that a container may use, rounded up; None without a limit."""
    try:
        quota, period = path.read_text(encoding="utf8").split()
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):  # no such file; "max" is no number
        return None
