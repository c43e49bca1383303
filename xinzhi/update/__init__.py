"""Train a pipeline further on new annotation without losing what it knew, behind a gate."""

from __future__ import annotations

from .options import Options
from .update import update

__all__ = ["Options", "update"]
