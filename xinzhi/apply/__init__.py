"""Any pipeline over files of texts: in order, in constant memory, resumable, on several engines.

The texts are cut into numbered parts. A part is predicted by one function (`worker.predict_part`),
whatever engine calls it, and its rows are on disk before it counts as done; the output is put
together from the parts at the end.
"""

from __future__ import annotations

from .job import ApplyReport, apply

__all__ = ["ApplyReport", "apply"]
