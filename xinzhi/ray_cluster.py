"""Ray, for the commands with `--engine ray`."""

from __future__ import annotations

from types import ModuleType

from .compat import require


def connect(show_output: bool = False) -> ModuleType:
    """Connect to the cluster that RAY_ADDRESS names, or start Ray on this machine.

    show_output (bool): Print here what the workers print.
    RETURNS (ModuleType): The module `ray`, connected.
    RAISES (XinzhiError): Ray is not installed.
    """
    ray = require("ray", "'xinzhi[ray]'", "--engine ray")
    if not ray.is_initialized():
        ray.init(log_to_driver=show_output, include_dashboard=False, logging_level="warning")
    return ray
