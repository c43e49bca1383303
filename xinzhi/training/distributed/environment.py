"""What torchrun says to the processes that it starts, and what they say to `launch`.

Without torch: a process that is started in vain ends at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import XinzhiError

MARK = "XINZHI_TRAINING_FAILED"  # names a file: in it a process says that it is of no use to retry


class LostProcess(XinzhiError):
    """Another process of the training has ended."""


def number_of_processes() -> int:
    """RETURNS (int): How many processes torchrun has started; 1 if it has not started this one."""
    return int(os.environ.get("WORLD_SIZE", 1)) if "RANK" in os.environ else 1


def restarts() -> int:
    """RETURNS (int): How often torchrun has started this group anew."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


def own_device(gpu_id: int) -> int:
    """RETURNS (int): The GPU of this process on its machine, -1 if the CPU was asked for."""
    return gpu_id if gpu_id < 0 else int(os.environ.get("LOCAL_RANK", gpu_id))


@contextmanager
def errors_for_launcher() -> Iterator[None]:
    """In a process that `launch` has started: an error that the user can put right is left to the
    launcher to say, and not tried again. (torchrun starts the processes anew whatever they ended
    with.)

    RAISES (SystemExit): In place of such an error, and in processes started anew after it.
    """
    if MARK not in os.environ:
        yield
        return
    mark = Path(os.environ[MARK])
    if mark.exists():
        raise SystemExit(1)
    try:
        yield
    except LostProcess as err:
        raise SystemExit(1) from err
    except XinzhiError as err:
        mark.write_text(f"{err.fact}\0{err.next_step}", encoding="utf8")
        raise SystemExit(1) from err
