"""One worker per GPU: who takes which."""

from __future__ import annotations

import os
from pathlib import Path

from ..compat import fcntl
from ..errors import XinzhiError


def claim_gpu(gpu_ids: list[int], folder: Path) -> int | None:
    """Take a GPU that no other worker has. The claim ends with the process, however it ends, so the
    worker that replaces a killed one gets its GPU.

    gpu_ids (list): The GPUs of the service.
    folder (Path): A folder that its workers share.
    RETURNS (int): The GPU; None if there are none: CPU.
    RAISES (XinzhiError): If all are taken.
    """
    if not gpu_ids:
        return None
    if len(gpu_ids) == 1 or fcntl is None:
        return gpu_ids[0]
    for gpu_id in gpu_ids:
        handle = os.open(folder / f"gpu-{gpu_id}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            continue
        os.set_inheritable(handle, False)
        return gpu_id
    raise XinzhiError(
        f"All GPUs {gpu_ids} are taken by other workers.", "Start one worker per GPU."
    )
