"""What the alarms can be set to."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import XinzhiError
from ...ranges import check_range

DAY = 24  # hours


@dataclass(frozen=True)
class AlarmSettings:
    """Settings of the surge detection.

    sentiment (str): The label of the sentiment head whose counts are watched.
    windows (tuple[int, ...]): Lengths of the windows, in hours, that end at every full hour; each
        divides a day.
    history_days (int): Days before a day that say what is expected on it.
    min_history_days (int): No alarm on the first so many days of the data.
    min_volume (int): No alarm on fewer different texts in a window.
    false_alarms (float): Alarms without a cause to expect at most in 30 days, over all series.
    cooldown_hours (int): An alarm goes on until its series have been normal for so long.
    mask_days (int): So many days of an alarm are left out of what is expected later on; if it
        lasts longer, the rest is the new normal.
    """

    sentiment: str = "negative"
    windows: tuple[int, ...] = (6, 24)
    history_days: int = 28
    min_history_days: int = 5
    min_volume: int = 5
    false_alarms: float = 0.05
    cooldown_hours: int = 24
    mask_days: int = 7

    def __post_init__(self) -> None:
        check_range("history_days", self.history_days, 7, 3650)
        check_range("min_history_days", self.min_history_days, 1, self.history_days)
        check_range("min_volume", self.min_volume, 1)
        check_range("false_alarms", self.false_alarms, 1e-6, 30)
        check_range("cooldown_hours", self.cooldown_hours, 1)
        check_range("mask_days", self.mask_days, 0)
        wrong = [hours for hours in self.windows if hours < 1 or DAY % hours]
        if wrong or not self.windows:
            raise XinzhiError(
                f"windows = {self.windows} is out of range.",
                "Use hours that divide a day, such as 6 and 24.",
            )

    @property
    def alpha(self) -> float:
        """RETURNS (float): The false discovery rate of an hour's tests: Bonferroni over the windows
        of 30 days that have no post in common (neighbouring hours see nearly the same)."""
        return min(0.5, self.false_alarms * min(self.windows) / (30 * DAY))
