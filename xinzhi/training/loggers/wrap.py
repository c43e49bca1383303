"""The loggers of `xinzhi train`: the console and log.jsonl always, and those of the config."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from spacy.language import Language

from .base import Setup
from .console import console_logger
from .jsonl import jsonl_logger
from .several import loggers


def wrap_logger(nlp: Language) -> Callable[[Setup], Setup]:
    """Complete the logger of a config.

    A console logger of spaCy is replaced by ours, which prints the same rows. Where the config has
    none at all, ours is added.

    nlp (Language): The pipeline, with its config.
    RETURNS (Callable): From the config's logger to the one to use.
    """
    config = nlp.config.interpolate()["training"]["logger"]
    console = [name for name in logger_names(config) if ".ConsoleLogger." in name]
    alone = config["@loggers"].startswith("spacy.ConsoleLogger.")

    def wrap(logger: Setup) -> Setup:
        if alone:
            return loggers(console_logger(True, config.get("output_file")), jsonl_logger())
        if console:
            return loggers(logger, jsonl_logger())
        return loggers(console_logger(), jsonl_logger(), logger)

    return wrap


def logger_names(config: dict[str, Any]) -> Iterator[str]:
    """RETURNS (Iterator): The registered names of a logger and of those inside it."""
    for key, value in config.items():
        if key == "@loggers":
            yield value
        elif isinstance(value, dict):
            yield from logger_names(value)
