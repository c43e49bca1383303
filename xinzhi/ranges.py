"""Numeric settings and the values they may take."""

from __future__ import annotations

import math

from .errors import XinzhiError

MAX_DROPOUT = 0.999  # at 1 nothing would be left to learn from
MAX_WIDTH = 65_536
MAX_DEPTH = 100


def check_range(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Check a setting.

    name (str): The setting, as the user writes it.
    value (float): Its value.
    low, high (float): The smallest and the largest value allowed.
    RAISES (XinzhiError): If the value is outside, or no number at all.
    """
    if low <= value <= high:
        return
    valid = f"a number from {low} on" if math.isinf(high) else f"a value from {low} to {high}"
    raise XinzhiError(f"{name} = {value} is out of range.", f"Use {valid}.")


def check_head_settings(
    architecture: str, *, hidden_width: int, least_width: int = 0, depth: int = 0, dropout: float
) -> None:
    """Check what the architectures of our heads have in common.

    architecture (str): The registered name, to begin the message with.
    hidden_width (int): Width of the hidden layers, at least `least_width`.
    depth (int): Number of hidden layers.
    dropout (float): Dropout in training.
    RAISES (XinzhiError): If one of them is out of range.
    """
    check_range(f"{architecture}: hidden_width", hidden_width, least_width, MAX_WIDTH)
    check_range(f"{architecture}: depth", depth, 0, MAX_DEPTH)
    check_range(f"{architecture}: dropout", dropout, 0.0, MAX_DROPOUT)
