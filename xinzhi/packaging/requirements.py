"""What a wheel requires: read from the vendored modules and the pipeline's config."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ..errors import XinzhiError
from .imports import find_imports
from .library import Library, core_requirements
from .names import config_names

SEGMENTERS = {"jieba": "jieba", "pkuseg": "spacy-pkuseg"}  # of spaCy's Chinese tokenizer


def find_requirements(
    library: Library, modules: Iterable[str], config: dict[str, Any]
) -> list[str]:
    """The distributions that a packaged pipeline needs, with bounds.

    Bounds are the library's own where it declares them; otherwise the installed version up to
    the next breaking one. spaCy is bound to the minor version in use, as in spaCy's own packages.
    An import inside a function, or one that may fail, counts only if the library declares the
    distribution as a dependency; what spaCy itself requires is left to spaCy.

    library (Library): The library the modules come from.
    modules (Iterable[str]): The vendored modules.
    config (dict[str, Any]): The pipeline's config, variables filled in, names not yet prefixed.
    RETURNS (list[str]): Requirement strings, sorted.
    """
    owners = _owners()
    spacy = importlib.metadata.distribution("spacy")
    of_spacy = {canonicalize_name(req.name) for req in core_requirements(spacy)}
    required: dict[str, Requirement] = {}
    found = [*_module_imports(library, modules), *_config_imports(library, config)]
    for name, optional in found:
        dist = owners.get(name, "")
        declared = library.requirement(dist)
        if declared or (dist and not optional and canonicalize_name(dist) not in of_spacy):
            required[canonicalize_name(dist)] = declared or _installed_range(dist)
        elif not dist and not optional:
            raise XinzhiError(
                f"The pipeline needs the Python module '{name}', and no installed distribution "
                "has it, so the wheel could not ask for it.",
                "Install it as a distribution, or move the code into the library.",
            )
    required["spacy"] = Requirement(f"spacy{spacy_range()}")
    for dist in _segmenters(config):
        required[canonicalize_name(dist)] = _installed_range(dist)
    return sorted(str(req) for req in required.values())


def spacy_range() -> str:
    """RETURNS (str): The spaCy versions a pipeline trained here works with."""
    from spacy.util import get_minor_version_range

    return get_minor_version_range(importlib.metadata.version("spacy"))


def _module_imports(library: Library, modules: Iterable[str]) -> Iterator[tuple[str, bool]]:
    for module in modules:
        path = library.file(module)
        assert path is not None
        for item in find_imports(ast.parse(path.read_text("utf8"))):
            name = item.module.split(".")[0]
            if item.level == 0 and name not in sys.stdlib_module_names:
                yield name, item.optional


def _config_imports(library: Library, config: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    import spacy

    spacy.blank("xx")  # makes spaCy load the factories that entry points declare
    own = {item.name for item in library.registered}
    for registry, name in config_names(config):
        if name not in own:
            yield _registered_in(registry, name), False


def _registered_in(registry: str, name: str) -> str:
    import spacy

    try:
        module = spacy.registry.find(registry, name)["module"]
    except ValueError as err:
        raise XinzhiError(
            f"The pipeline's config names @{registry} = '{name}', which nothing installed "
            "registers; a wheel could not carry it.",
            "Install the package that registers it, or move the function into the library.",
        ) from err
    return str(module).split(".")[0]


def _owners() -> dict[str, str]:
    """Import name -> distribution. (Python 3.10's own function misses many.)"""
    owners: dict[str, str] = {}
    for dist in importlib.metadata.distributions():
        declared = (dist.read_text("top_level.txt") or "").split()
        files = [file for file in dist.files or [] if file.suffix == ".py"]
        found = [file.parts[0] if len(file.parts) > 1 else file.stem for file in files]
        owners.update(dict.fromkeys(declared or found, dist.metadata["Name"]))
    return owners


def _segmenters(config: dict[str, Any]) -> list[str]:
    tokenizer = config.get("nlp", {}).get("tokenizer", {})
    segmenter = tokenizer.get("segmenter") if isinstance(tokenizer, dict) else None
    return [SEGMENTERS[segmenter]] if segmenter in SEGMENTERS else []


def _installed_range(dist: str) -> Requirement:
    version = Version(importlib.metadata.version(dist))
    major, minor = (*version.release, 0)[:2]
    upper = f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"
    return Requirement(f"{dist}>={version.public},<{upper}")
