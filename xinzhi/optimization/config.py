"""The settings of a saved pipeline that change its speed: finding and changing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thinc.api import Config

CONFIG = "config.cfg"
PRECISION = "predict_precision"
BATCH_SIZE = "nlp.batch_size"
THREADS = "nlp.before_creation"


def precision_settings(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """YIELDS (str): The dotted name of every encoder's `predict_precision`."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from precision_settings(value, f"{prefix}{name}.")
        elif name == PRECISION:
            yield f"{prefix}{name}"


def set_precision(config: dict[str, Any], precision: str) -> None:
    """Set every encoder's `predict_precision` in place."""
    for name, value in config.items():
        if isinstance(value, dict):
            set_precision(value, precision)
        elif name == PRECISION:
            config[name] = precision


def threads_callback(threads: int) -> dict[str, Any]:
    """RETURNS (dict): The config section that sets the number of threads at loading."""
    return {"@callbacks": "xinzhi.Threads.v1", "threads": threads}


def change_config(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings of a saved pipeline in place.

    folder (Path): The pipeline.
    settings (Mapping[str, Any]): Dotted name -> value.
    RETURNS (dict[str, Any]): Dotted name -> what was there before.
    """
    config = Config().from_disk(folder / CONFIG, interpolate=False)
    before = {}
    for name, value in settings.items():
        *path, last = name.split(".")
        section: dict[str, Any] = config
        for part in path:
            section = section[part]
        before[name] = section.get(last)
        section[last] = value
    config.to_disk(folder / CONFIG, interpolate=False)
    return before
