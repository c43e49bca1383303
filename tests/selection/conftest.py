from __future__ import annotations

from ..update.conftest import made

__all__ = ["made"]
