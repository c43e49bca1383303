"""Which texts to annotate next: those that a pipeline is unsure of, of every kind there is."""

from __future__ import annotations

from .select import Selection, select

__all__ = ["Selection", "select"]
