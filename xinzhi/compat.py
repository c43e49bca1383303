"""Every optional import, once (a missing extra is an error only when used); what is installed."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType

from .errors import XinzhiError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["fcntl", "installed_versions", "no_init_weights", "require"]


def require(module: str, install: str, why: str) -> ModuleType:
    """Import an optional module or say how to get it.

    module (str): Import name.
    install (str): What to pass to `pip install`.
    why (str): What needs it, to complete "… is needed for {why}".
    RETURNS (ModuleType): The module.
    RAISES (XinzhiError): If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as err:
        raise XinzhiError(
            f"The Python package '{module}' is needed for {why}, and it is not installed.",
            f"Run: pip install {install}",
        ) from err


def no_init_weights() -> AbstractContextManager[None]:
    """Transformers' switch that skips random initialisation of weights about to be replaced.

    RETURNS (AbstractContextManager): It; a context that does nothing where it does not exist.
    """
    from transformers import modeling_utils

    return getattr(modeling_utils, "no_init_weights", nullcontext)()


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """RETURNS (dict): Distribution -> exact version, of those that are installed."""
    found = {}
    for name in distributions:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
