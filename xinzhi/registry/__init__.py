"""Versions of pipelines in a folder: added whole, promoted, rolled back; a service follows it."""

from __future__ import annotations

from .store import Registry, Version

__all__ = ["Registry", "Version"]
