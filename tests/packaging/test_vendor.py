from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from xinzhi.errors import XinzhiError
from xinzhi.packaging.imports import find_imports
from xinzhi.packaging.library import Library, RegisteredName
from xinzhi.packaging.names import prefixed
from xinzhi.packaging.vendor import copy_modules, runtime_modules, vendored_names

FINDER = "fakelib.components.finder"


def test_runtime_modules_are_the_closure(library: Library) -> None:
    assert runtime_modules(library, [FINDER]) == [
        "fakelib",
        "fakelib.components",
        "fakelib.components.finder",
        "fakelib.errors",  # imported inside a function
        "fakelib.layers",
        "fakelib.layers.weight",  # named in the default config only
        "fakelib.maths",
    ]  # but not fakelib.training: named in a doc string and under TYPE_CHECKING only


def test_vendored_names_are_those_in_the_closure(library: Library) -> None:
    names = vendored_names(library, runtime_modules(library, [FINDER]))
    assert [item.name for item in names] == ["fakelib_finder", "fakelib.Weight.v1"]


def test_an_absolute_import_is_refused_with_its_line(library: Library) -> None:
    with pytest.raises(XinzhiError, match=r"absolute\.py:1 imports 'fakelib\.errors'"):
        runtime_modules(library, ["fakelib.bad.absolute"])


def test_a_missing_module_is_named(library: Library) -> None:
    with pytest.raises(XinzhiError, match=r"no module 'fakelib\.nowhere'"):
        runtime_modules(library, ["fakelib.nowhere"])


def test_copies_are_renamed(library: Library, tmp_path: Path) -> None:
    names = prefixed(library.registered, "zh_a")
    copy_modules(library, runtime_modules(library, [FINDER]), tmp_path / "_fakelib", names)
    source = (tmp_path / "_fakelib" / "components" / "finder.py").read_text("utf8")
    assert '@Language.factory("zh_a_fakelib_finder"' in source
    assert '@misc = "zh_a_fakelib.Weight.v1"' in source
    assert "[zh_a_fakelib_finder.weight]" in source
    assert 'word = "智慧"' in source


def test_a_name_without_entry_point_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match=r"undeclared\.py:4 .*'fakelib\.Undeclared\.v1'"):
        copy_modules(library, ["fakelib.bad.undeclared"], tmp_path, {})


def test_names_of_a_module_outside_the_closure_do_not_travel(library: Library) -> None:
    extra = RegisteredName("spacy_misc", "fakelib.Bad.v1", "fakelib.bad.undeclared", "x")
    more = replace(library, registered=(*library.registered, extra))
    assert extra not in vendored_names(more, runtime_modules(more, [FINDER]))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", [(0, "a.b", False)]),
        ("from ..a import b", [(2, "a", False)]),
        ("from . import b", [(1, "", False)]),
        ("def f():\n    import a", [(0, "a", True)]),
        ("class C:\n    import a", [(0, "a", False)]),
        ("try:\n    import a\nexcept ImportError:\n    a = None", [(0, "a", True)]),
        ("try:\n    import a\nexcept KeyError:\n    a = None", [(0, "a", False)]),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    import b", [(0, "b", False)]),
        ("if typing.TYPE_CHECKING:\n    import a", []),
    ],
)
def test_find_imports(source: str, expected: list[tuple[int, str, bool]]) -> None:
    found = find_imports(ast.parse(source))
    assert [(item.level, item.module, item.optional) for item in found] == expected
