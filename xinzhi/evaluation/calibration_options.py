"""What to calibrate, and how."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import XinzhiError

METHODS = ("both", "platt", "temperature")
MIN_CASES = 10  # of a label, to choose a threshold of its own


@dataclass(frozen=True)
class Options:
    """What to fit.

    method (str): For entities: "temperature", "platt", or "both" one after the other.
    thresholds (bool): Also choose the threshold of each label (entities, and heads that are not
        exclusive) with the best F-score.
    reject (float): Also set `abstain_below` of each head so that this share of the dev documents
        is rejected; None to leave it.
    """

    method: str = "both"
    thresholds: bool = False
    reject: float | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise XinzhiError(
                f"Unknown calibration method {self.method!r}.", f"Use one of {', '.join(METHODS)}."
            )
        if self.reject is not None and not 0 <= self.reject < 1:
            raise XinzhiError(
                f"The share of documents to reject is {self.reject}.", "Use 0 or more, below 1."
            )
