"""Starting the processes of a training on this machine, by torchrun (torchelastic)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from .environment import MARK


def launch(arguments: list[str], processes: int, max_restarts: int) -> None:
    """Run `python -m xinzhi` in several processes; start all again if one is killed.

    arguments (list[str]): What follows `python -m xinzhi`.
    processes (int): How many.
    max_restarts (int): How often to start again.
    RAISES (XinzhiError): They have failed for good.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    options = ["--standalone", f"--nproc-per-node={processes}", f"--max-restarts={max_restarts}"]
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    # A new store for every start: in one that is kept, gloo finds the processes of the last start.
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    with tempfile.TemporaryDirectory(prefix="xinzhi-train-") as folder:
        os.environ[MARK] = str(Path(folder) / "failed")
        logs = ["--log-dir", str(Path(folder) / "logs")]
        try:
            run(parse_args([*options, *logs, "-m", "xinzhi", *arguments]))
        except ChildFailedError as err:
            raise _failure(Path(os.environ[MARK]), err.failures) from err
        except SignalException as err:
            raise KeyboardInterrupt from err
        finally:
            del os.environ[MARK]


def _failure(mark: Path, failures: dict[int, Any]) -> XinzhiError:
    if mark.exists():
        fact, next_step = mark.read_text(encoding="utf8").split("\0")
        return XinzhiError(fact, next_step)
    codes = ", ".join(sorted({str(failure.exitcode) for failure in failures.values()}))
    return XinzhiError(
        f"The processes of the training have failed (exit codes: {codes}).",
        "The same command with --resume goes on from the last checkpoint, if there is one.",
    )
