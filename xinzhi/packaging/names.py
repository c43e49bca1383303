"""One name space per wheel: prefix every registered name in configs and vendored sources."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import XinzhiError
from .library import RegisteredName

STRING_TOKENS = {
    getattr(tokenize, name)
    for name in ("STRING", "FSTRING_MIDDLE")  # the second from Python 3.12 on
    if hasattr(tokenize, name)
}


def prefixed(names: Iterable[RegisteredName], model_name: str) -> dict[str, str]:
    """Map each registered name to its name inside a wheel.

    names (Iterable[RegisteredName]): The library's registered names.
    model_name (str): The wheel's package, e.g. "zh_smartcity".
    RETURNS (dict[str, str]): {"xinzhi.Encoder.v1": "zh_smartcity_xinzhi.Encoder.v1", …}
    """
    return {item.name: f"{model_name}_{item.name}" for item in names}


def config_names(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every registered function that a config refers to.

    config (dict[str, Any]): A pipeline config or a part of one.
    YIELDS (tuple[str, str]): Registry and name, e.g. ("architectures", "xinzhi.Encoder.v1").
    """
    for key, value in config.items():
        if isinstance(value, dict):
            yield from config_names(value)
        elif isinstance(value, str) and key.startswith("@"):
            yield key[1:], value
        elif isinstance(value, str) and key == "factory":
            yield "factories", value


def rename_config(config: dict[str, Any], names: dict[str, str]) -> None:
    """Rename the registered functions of a config in place.

    Component names stay as they are, even one that equals its factory's name: applications know
    them. A versioned name ("xinzhi.Encoder.v1") is renamed wherever it is the whole value, so a
    name behind a variable is found too.

    config (dict[str, Any]): A pipeline config.
    names (dict[str, str]): The mapping from `prefixed`.
    """
    for key, value in config.items():
        if isinstance(value, dict):
            rename_config(value, names)
        elif isinstance(value, str) and value in names and _is_reference(key, value):
            config[key] = names[value]


def rename_source(source: str, names: dict[str, str]) -> str:
    """Rename registered functions in the string literals of a module.

    Only string tokens are touched: also default configs and doc strings, never identifiers.

    source (str): Python source.
    names (dict[str, str]): The mapping from `prefixed`.
    RETURNS (str): The new source.
    """
    if not names:
        return source
    pattern = _pattern(names)
    starts = [0]
    for line in io.StringIO(source):  # splits where tokenize does: at \n only
        starts.append(starts[-1] + len(line))
    parts: list[str] = []
    end = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in STRING_TOKENS:
            first = starts[token.start[0] - 1] + token.start[1]
            last = starts[token.end[0] - 1] + token.end[1]
            parts += [source[end:first], _rename_literal(source[first:last], pattern, names)]
            end = last
    return "".join([*parts, source[end:]])


def check_renamed(source: str, names: dict[str, str], package: str, where: str) -> None:
    """Make sure that no name of the library is left in a vendored module.

    Found are names that were not renamed and names that the library registers by decorator
    without declaring an entry point, which the mapping cannot know.

    source (str): Python source after `rename_source`.
    names (dict[str, str]): The mapping from `prefixed`.
    package (str): The library's import name.
    where (str): The module's file, for the message.
    RAISES (XinzhiError): If such a name is left.
    """
    tree = ast.parse(source)
    versioned = re.compile(rf"(?<![\w.]){package}\.\w+\.v\d+(?!\w)")
    left = [*_matches(tree, _pattern(names))] if names else []
    left += [*_matches(tree, versioned), *_factory_names(tree, f"{package}_")]
    if left:
        name, line = left[0]
        raise XinzhiError(
            f"{where}:{line} registers or uses '{name}', which no entry point declares.",
            "Declare it in pyproject.toml under its group ([project.entry-points.spacy_…]), "
            "reinstall and package again.",
        )


def string_names(tree: ast.AST, names: Iterable[str]) -> set[str]:
    """Registered names that a module uses in its string literals, doc strings left out.

    tree (ast.AST): The parsed module.
    names (Iterable[str]): The names to look for.
    RETURNS (set[str]): Those that occur.
    """
    wanted = list(names)
    if not wanted:
        return set()
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {name for name, _ in _matches(tree, _pattern(wanted), skip=docs)}


def _rename_literal(literal: str, pattern: re.Pattern[str], names: dict[str, str]) -> str:
    """Before Python 3.12 an f-string is one token: the code between its braces stays as it is."""
    if not re.match(r"[rR]?[fF]", literal):
        return pattern.sub(lambda match: names[match[0]], literal)
    parts, depth = [], 0
    for part in re.split(r"(\{\{|\}\}|[{}])", literal):
        if depth == 0 and part not in ("{", "}"):
            part = pattern.sub(lambda match: names[match[0]], part)
        elif part.strip("{}") == "":
            depth += part.count("{") - part.count("}")
        parts.append(part)
    return "".join(parts)


def _is_reference(key: str, value: str) -> bool:
    return key.startswith("@") or key == "factory" or "." in value


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _matches(
    tree: ast.AST, pattern: re.Pattern[str], skip: Iterable[int] = ()
) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skip:
            for match in pattern.finditer(node.value):
                yield match[0], node.lineno


def _factory_names(tree: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        name = getattr(node.args[0], "value", None)
        registers = node.func.attr in ("factory", "component")
        if registers and isinstance(name, str) and name.startswith(prefix):
            yield name, node.lineno
