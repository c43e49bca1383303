"""Customer service: one call gives intent, sentiment, entities, answer, and what to do next."""

from __future__ import annotations

from .desk import Desk, Outcome
from .rules import Rules, read_rules

__all__ = ["Desk", "Outcome", "Rules", "read_rules"]
