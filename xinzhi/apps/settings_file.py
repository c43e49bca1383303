"""Settings of an application from a small YAML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from ..errors import XinzhiError

Settings = TypeVar("Settings")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    path (Path): The file.
    RETURNS (dict): Its content.
    RAISES (XinzhiError): If it cannot be read, or is something else.
    """
    import srsly

    try:
        content = srsly.yaml_loads(path.read_text(encoding="utf-8-sig"))
    except OSError as err:
        raise XinzhiError(f"{path} cannot be read: {err.strerror}.", "Name a YAML file.") from err
    except ValueError as err:
        raise XinzhiError(f"{path} is not YAML: {err}", "Correct the file.") from err
    if not isinstance(content, dict):
        raise XinzhiError(f"{path} holds no settings.", "Write one 'name: value' a line.")
    return content


def check_names(given: Iterable[str], known: Iterable[str], place: str) -> None:
    """RAISES (XinzhiError): If a name is not among those that are known."""
    names = list(known)
    for name in given:
        if name not in names:
            raise XinzhiError(f"{place}: '{name}' is no setting.", f"Use {', '.join(names)}.")


def read_settings(path: Path, kind: type[Settings]) -> Settings:
    """Read the settings of a dataclass; those that are not named keep their defaults.

    path (Path): A YAML file.
    kind (type): The dataclass.
    RETURNS (Settings): An object of it.
    RAISES (XinzhiError): If the file cannot be read, or has an unknown setting or a wrong value.
    """
    return make_settings(read_yaml(path), kind, str(path))


def make_settings(given: Mapping[str, Any], kind: type[Settings], place: str) -> Settings:
    """Make a dataclass of plain values, each of the type of its default.

    given (Mapping): Name -> value.
    kind (type): The dataclass.
    place (str): Where the values are from, to begin a message with.
    RETURNS (Settings): An object of it.
    RAISES (XinzhiError): If there is an unknown setting or a wrong value.
    """
    known = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
    check_names(given, known, place)
    values = {}
    for name, value in given.items():
        wanted = type(known[name])
        value = float(value) if wanted is float and type(value) is int else value
        if type(value) is not wanted:
            raise XinzhiError(
                f"{place}: '{name}' is {value!r}.", f"Write a value like {known[name]!r}."
            )
        values[name] = value
    try:
        return kind(**values)
    except XinzhiError as err:
        raise XinzhiError(f"{place}: {err.fact}", err.next_step) from err
