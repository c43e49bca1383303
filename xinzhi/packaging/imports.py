"""What a module imports, read from its syntax tree: nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception"}


@dataclass(frozen=True)
class Import:
    """One imported module.

    level (int): Number of leading dots, 0 for an absolute import.
    module (str): Dotted name after the dots, may be empty.
    names (tuple[str, ...]): The names of a `from` import.
    optional (bool): True inside a function or under `try … except ImportError`.
    line (int): Line number.
    """

    level: int
    module: str
    names: tuple[str, ...]
    optional: bool
    line: int


def find_imports(tree: ast.AST, optional: bool = False) -> Iterator[Import]:
    """Every import of a module, those under `if TYPE_CHECKING` left out.

    tree (ast.AST): The parsed module.
    optional (bool): Whether the surrounding code may do without.
    YIELDS (Import): The imports, in source order.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(0, alias.name, (), optional, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(node.level, node.module or "", names, optional, node.lineno)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from find_imports(ast.Module(node.orelse, []), optional)
        else:
            yield from find_imports(node, optional or _may_do_without(node))


def _is_type_checking(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))


def _may_do_without(node: ast.AST) -> bool:
    if isinstance(node, ast.Try):
        caught = [ast.unparse(handler.type) for handler in node.handlers if handler.type]
        return any(error in text for text in caught for error in IMPORT_ERRORS)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
