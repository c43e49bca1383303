"""Copy the library modules that a pipeline needs at run time into its wheel."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import XinzhiError
from .imports import Import, find_imports
from .library import Library, RegisteredName
from .names import check_renamed, rename_source, string_names


def runtime_modules(library: Library, start: Iterable[str]) -> list[str]:
    """The modules that some modules need: relative imports, followed to the end.

    Imports inside functions count. So do registered names in string literals (default configs).

    library (Library): The library to search.
    start (Iterable[str]): Dotted names of the modules to begin with.
    RETURNS (list[str]): Dotted names, sorted, parent packages included.
    RAISES (XinzhiError): If a module imports the library by its absolute name or does not exist.
    """
    todo = list(start)
    seen: set[str] = set()
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += _needs(library, module)
    return sorted(seen)


def vendored_names(library: Library, modules: Iterable[str]) -> list[RegisteredName]:
    """RETURNS (list[RegisteredName]): The registered names that live in some modules."""
    carried = set(modules)
    return [item for item in library.registered if item.module in carried]


def copy_modules(
    library: Library, modules: Iterable[str], target: Path, names: dict[str, str]
) -> None:
    """Copy modules into a new package, with every registered name prefixed.

    library (Library): Where they come from.
    modules (Iterable[str]): Dotted names, from `runtime_modules`.
    target (Path): Folder of the new package, e.g. `zh_smartcity/_xinzhi`.
    names (dict[str, str]): Old to new registered names.
    RAISES (XinzhiError): If a name of the library is left without a prefix.
    """
    for module in modules:
        path = _file(library, module)
        source = rename_source(path.read_text("utf8"), names)
        check_renamed(source, names, library.package, str(path))
        copy = target / path.relative_to(library.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source, "utf8")


def _file(library: Library, module: str) -> Path:
    path = library.file(module)
    if path is None:
        raise XinzhiError(
            f"The library has no module '{module}'.",
            "If an entry point names it, correct pyproject.toml and reinstall.",
        )
    return path


def _needs(library: Library, module: str) -> Iterator[str]:
    path = _file(library, module)
    tree = ast.parse(path.read_text("utf8"))
    if "." in module:
        yield module.rpartition(".")[0]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for item in find_imports(tree):
        _refuse_absolute(library, item, path)
        if item.level:
            yield from _imported_modules(library, item, package)
    used = string_names(tree, [item.name for item in library.registered])
    yield from (item.module for item in library.registered if item.name in used)


def _refuse_absolute(library: Library, item: Import, path: Path) -> None:
    if item.level == 0 and item.module.split(".")[0] == library.package:
        raise XinzhiError(
            f"{path}:{item.line} imports '{item.module}' by its absolute name; "
            "in a wheel that would be another copy, or none.",
            "Use a relative import there: from . import …",
        )


def _imported_modules(library: Library, item: Import, package: str) -> Iterator[str]:
    base = importlib.util.resolve_name("." * item.level + item.module, package)
    yield base
    for name in item.names:
        if library.file(f"{base}.{name}"):
            yield f"{base}.{name}"
