"""The processes that train together, and what they tell each other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from ...errors import XinzhiError
from .environment import LostProcess, number_of_processes, own_device

# The others wait for the first one while it evaluates and saves. A process that dies is noticed at
# once, by torchrun and by the broken connection; this is for one that hangs.
LONGEST_WAIT = timedelta(hours=12)


@dataclass(frozen=True)
class Group:
    """A group of processes. In a group of one, which is no `torch.distributed` group, every method
    returns at once.

    rank (int): Number of this process, from 0.
    size (int): How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """RETURNS (bool): Whether this process evaluates, saves and logs."""
        return self.rank == 0

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): The tensor, now with the sum over all processes in it."""
        if self.size > 1:
            with _noticing_loss():
                dist.all_reduce(tensor)
        return tensor

    def copy(self, tensor: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): The tensor, now with the values of the first process in it."""
        if self.size > 1:
            with _noticing_loss():
                dist.broadcast(tensor, 0)
        return tensor

    def any(self, value: bool) -> bool:
        """RETURNS (bool): Whether it is true in at least one process."""
        return bool(self.sum(torch.tensor([float(value)])).item())

    def tell(self, value: Any) -> Any:
        """RETURNS (Any): What the first process has passed, JSON values, in every process."""
        if self.size == 1:
            return value
        data = json.dumps(value, default=float).encode() if self.is_first else b""
        length = self.copy(torch.tensor([len(data)]))
        text = torch.zeros(int(length), dtype=torch.uint8)
        if self.is_first:
            text = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        return json.loads(bytes(self.copy(text).tolist()))

    def check_same(self, value: Any, what: str, how: str) -> None:
        """Check that all processes have the same.

        value (Any): JSON values.
        what (str), how (str): For the message: what differs, and what to do.
        RAISES (XinzhiError): In all of them, if one has another.
        """
        if self.any(self.tell(value) != value):
            raise XinzhiError(f"{what} differs between the {self.size} processes.", how)


ALONE = Group()


@contextmanager
def joined_group(on_gpu: bool) -> Iterator[Group]:
    """Join the group that torchrun has started; on the way, only the first process prints.

    Gradients on GPUs go through NCCL, all else through gloo.

    on_gpu (bool): Whether the pipeline is on a GPU.
    YIELDS (Group): The group; `ALONE` if torchrun has not started this process.
    RAISES (XinzhiError): The processes cannot find each other.
    """
    if number_of_processes() == 1:
        yield ALONE
        return
    if on_gpu:
        torch.cuda.set_device(own_device(0))
    try:
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        dist.init_process_group(backend, timeout=LONGEST_WAIT)
    except (RuntimeError, ValueError) as err:
        raise XinzhiError(
            f"The processes of the training do not find each other: {_first_line(err)}",
            "Between machines: torchrun --nnodes … --rdzv-backend c10d --rdzv-endpoint HOST:PORT; "
            "set GLOO_SOCKET_IFNAME to the network interface if there are several.",
        ) from err
    group = Group(dist.get_rank(), dist.get_world_size())
    with open(os.devnull, "w") as nowhere:
        try:
            if group.is_first:
                yield group
            else:
                with redirect_stdout(nowhere):
                    yield group
        finally:
            dist.destroy_process_group()


@contextmanager
def _noticing_loss() -> Iterator[None]:
    try:
        yield
    except RuntimeError as err:
        raise LostProcess(
            f"Another process of the training has ended: {_first_line(err)}",
            "What it said is above. torchrun starts all of them again, up to --max-restarts times.",
        ) from err


def _first_line(err: BaseException) -> str:
    return (str(err).splitlines() or [repr(err)])[0][:200]
