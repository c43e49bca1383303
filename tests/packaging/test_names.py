from __future__ import annotations

import ast

import pytest

from xinzhi.errors import XinzhiError
from xinzhi.packaging.library import Library
from xinzhi.packaging.names import (
    check_renamed,
    config_names,
    prefixed,
    rename_config,
    rename_source,
    string_names,
)

NAMES = {"lib.Encoder.v1": "m_lib.Encoder.v1", "lib_ner": "m_lib_ner"}


def test_prefixed_maps_every_registered_name(library: Library) -> None:
    names = prefixed(library.registered, "zh_demo")
    assert names["fakelib.Weight.v1"] == "zh_demo_fakelib.Weight.v1"
    assert names["fakelib_finder"] == "zh_demo_fakelib_finder"
    assert len(names) == len(library.registered)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = "lib.Encoder.v1"', 'x = "m_lib.Encoder.v1"'),
        ("x = 'lib_ner'", "x = 'm_lib_ner'"),
        ("lib_ner = 1  # lib_ner", "lib_ner = 1  # lib_ner"),  # identifiers and comments
        ('x = "lib.Encoder.v10"', 'x = "lib.Encoder.v10"'),  # another name
        ('x = "other.lib.Encoder.v1"', 'x = "other.lib.Encoder.v1"'),
        ('x = "mylib_ner"', 'x = "mylib_ner"'),
        ('x = "lib_nerves"', 'x = "lib_nerves"'),
        ('a = "\u2028\x0c"; x = "lib_ner"\n', 'a = "\u2028\x0c"; x = "m_lib_ner"\n'),
        ('s = """\n[lib_ner.model]\n@a = "lib.Encoder.v1"\n"""', None),
        ('f = f"lib.Encoder.v1: {lib_ner} 不对"', 'f = f"m_lib.Encoder.v1: {lib_ner} 不对"'),
        (
            'f = f"{x:{lib_ner}} lib_ner {{lib_ner}}"',
            'f = f"{x:{lib_ner}} m_lib_ner {{m_lib_ner}}"',
        ),
        ('中 = "智慧"; y = ("lib_ner", "lib_ner")', '中 = "智慧"; y = ("m_lib_ner", "m_lib_ner")'),
    ],
)
def test_rename_source(before: str, after: str | None) -> None:
    if after is None:
        after = before.replace("lib_ner", "m_lib_ner").replace("lib.E", "m_lib.E")
    assert rename_source(before, NAMES) == after


def test_rename_source_without_names_changes_nothing() -> None:
    assert rename_source('x = "lib_ner"', {}) == 'x = "lib_ner"'


def test_rename_config_keeps_component_names() -> None:
    config = {
        "nlp": {"pipeline": ["lib_ner"], "lang": "zh"},
        "vars": {"architecture": "lib.Encoder.v1", "note": "lib_ner"},
        "components": {"lib_ner": {"factory": "lib_ner", "model": {"@architectures": "lib_ner"}}},
    }
    rename_config(config, NAMES)
    assert config == {
        "nlp": {"pipeline": ["lib_ner"], "lang": "zh"},
        "vars": {"architecture": "m_lib.Encoder.v1", "note": "lib_ner"},
        "components": {
            "lib_ner": {"factory": "m_lib_ner", "model": {"@architectures": "m_lib_ner"}}
        },
    }


def test_config_names_finds_every_block() -> None:
    config = {
        "components": {"a": {"factory": "ner", "model": {"@architectures": "X.v1"}}},
        "training": {"logger": {"@loggers": "L.v1"}, "seed": 1},
    }
    found = set(config_names(config))
    assert found == {("factories", "ner"), ("architectures", "X.v1"), ("loggers", "L.v1")}


def test_string_names_leaves_doc_strings_out() -> None:
    tree = ast.parse('"""See lib_ner."""\nx = "[c]\\n@a = lib.Encoder.v1"')
    assert string_names(tree, NAMES) == {"lib.Encoder.v1"}


@pytest.mark.parametrize(
    "source",
    [
        'x = 1\ny = "lib.Encoder.v1"',
        '\nregistry.misc("lib.Forgotten.v2")',
        '\nLanguage.factory("lib_forgotten", func=f)',
    ],
)
def test_a_name_left_over_is_reported_with_its_line(source: str) -> None:
    with pytest.raises(XinzhiError, match=r"file\.py:2 .*'lib[._]\w+"):
        check_renamed(source, NAMES, "lib", "file.py")


def test_renamed_source_passes_the_check() -> None:
    source = rename_source('Language.factory("lib_ner")\nx = "lib.Encoder.v1"', NAMES)
    check_renamed(source, NAMES, "lib", "file.py")
