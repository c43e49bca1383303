"""Whether the extra of the service is installed."""

from __future__ import annotations

from ..compat import require

MODULES = ("fastapi", "uvicorn", "httptools", "prometheus_client", "pydantic_settings")


def need_extra() -> None:
    """RAISES (XinzhiError): If a package of the extra `serve` is missing."""
    for module in MODULES:
        require(module, "'xinzhi[serve]'", "xinzhi serve")
