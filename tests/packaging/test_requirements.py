from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from typing import Any

import pytest
from packaging.requirements import Requirement

from xinzhi.errors import XinzhiError
from xinzhi.packaging.library import Library
from xinzhi.packaging.requirements import find_requirements, spacy_range


def _by_name(requirements: list[str]) -> dict[str, str]:
    return {Requirement(text).name: str(Requirement(text).specifier) for text in requirements}


def test_bounds_come_from_the_library(library: Library) -> None:
    found = _by_name(find_requirements(library, ["fakelib.maths"], {}))
    assert found == {"numpy": ">=1.26", "spacy": str(Requirement("x" + spacy_range()).specifier)}


def test_an_undeclared_import_is_capped_at_the_next_major(library: Library) -> None:
    version = importlib.metadata.version("torch").partition("+")[0]
    major = int(version.split(".")[0])
    found = _by_name(find_requirements(library, ["fakelib.training.report"], {}))
    assert found["torch"] == str(Requirement(f"torch>={version},<{major + 1}.0.0").specifier)


def test_what_spacy_requires_is_left_to_spacy(library: Library) -> None:
    bare = replace(library, requires=())
    assert list(_by_name(find_requirements(bare, ["fakelib.maths"], {}))) == ["spacy"]


def test_the_library_itself_is_not_required(library: Library) -> None:
    config = {"components": {"a": {"factory": "fakelib_finder"}}}
    assert "fakelib" not in _by_name(find_requirements(library, ["fakelib"], config))


def test_names_in_the_config_bring_their_distribution(library: Library) -> None:
    config = {"model": {"@architectures": "spacy-transformers.TransformerListener.v1"}}
    found = _by_name(find_requirements(library, [], config))
    assert "spacy-transformers" in found


@pytest.mark.parametrize(
    "config",
    [{"components": {"a": {"factory": "no_such"}}}, {"a": {"@misc": "no.Such.v1"}}],
)
def test_an_unknown_name_in_the_config_is_reported(
    library: Library, config: dict[str, Any]
) -> None:
    with pytest.raises(XinzhiError, match=r"'no.[Ss]uch.*nothing installed registers"):
        find_requirements(library, [], config)
