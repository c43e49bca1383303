"""All that is looked at, in order."""

from __future__ import annotations

from .check import Check
from .cpu import check_cpu
from .encoders import check_encoders, check_hub
from .gpu import check_gpu
from .space import check_encoding, check_space
from .versions import check_versions


def diagnose(offline: bool = False, seconds: float = 3.0) -> list[Check]:
    """Look at this installation and machine.

    offline (bool): Leave the network alone.
    seconds (float): How long to wait for the model hub.
    RETURNS (list): Checks; those of status "problem" say what to do.
    """
    checks = [
        *check_versions(),
        *check_gpu(),
        *check_cpu(),
        *check_encoders(),
        *check_hub(offline, seconds),
        *check_space(),
        *check_encoding(),
    ]
    return list(dict.fromkeys(checks))  # two extras may need the same package
