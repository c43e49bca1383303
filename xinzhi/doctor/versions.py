"""Installed versions against what the packages say they support."""

from __future__ import annotations

import importlib.metadata as metadata
import platform
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ..compat import installed_versions
from .check import NOTE, PROBLEM, Check

AREA = "versions"
PROJECT = "xinzhi"
ALSO = ("spacy", "spacy-transformers", "thinc", "transformers")  # whose own ranges matter as well


def check_versions() -> Iterator[Check]:
    """YIELDS (Check): Python; every package that this library needs; those of its extras."""
    try:
        supported = metadata.metadata(PROJECT)["Requires-Python"]
        needed = requirements_of(PROJECT)
    except metadata.PackageNotFoundError:
        yield Check(
            AREA, PROJECT, "runs from its source folder only", PROBLEM, "pip install -e '.[dev,e5]'"
        )
        return
    yield check_python(platform.python_version(), supported)
    installed = installed_versions({*ALSO, *(item.name for item in needed)})
    for item in needed:
        if not item.marker or item.marker.evaluate({"extra": ""}):
            yield check_requirement(item, installed.get(item.name))
    yield from check_extras(needed, installed)
    for package in (name for name in ALSO if name in installed):
        yield from check_each_other(package, requirements_of(package), installed)
    yield check_plugins()


def requirements_of(package: str) -> list[Requirement]:
    """RETURNS (list): What a package declares; those of extras and other systems too."""
    return [Requirement(text) for text in metadata.requires(package) or ()]


def check_python(version: str, supported: str) -> Check:
    """RETURNS (Check): A version of Python against a range."""
    if version in SpecifierSet(supported):
        return Check(AREA, "python", f"{version} ({supported})")
    return Check(
        AREA, "python", f"{version}, not {supported}", PROBLEM, f"Use a Python {supported}."
    )


def check_requirement(needed: Requirement, version: str | None, by: str = "") -> Check:
    """RETURNS (Check): The installed version of a package (None: it is missing) against a range."""
    wanted = f"{needed.name}{needed.specifier}"
    found = "not installed" if version is None else version
    if version is not None and needed.specifier.contains(version, prereleases=True):
        return Check(AREA, needed.name, f"{found} ({needed.specifier or 'any'})")
    return Check(
        AREA,
        needed.name,
        f"{found}; {by or PROJECT} needs {needed.specifier or 'it'}",
        PROBLEM,
        f"pip install '{wanted}'",
    )


def check_extras(needed: list[Requirement], installed: dict[str, str]) -> Iterator[Check]:
    """YIELDS (Check): Each extra: complete, or how to get it; a version that does not fit."""
    for extra in sorted(metadata.metadata(PROJECT).get_all("Provides-Extra") or ()):
        items = [item for item in needed if belongs_to(item, extra)]
        missing = [item.name for item in items if item.name not in installed]
        present = [item for item in items if item.name in installed]
        checks = [check_requirement(item, installed[item.name]) for item in present]
        yield from (check for check in checks if check.status == PROBLEM)
        if missing:
            found, fix = f"not installed: {', '.join(missing)}", f"pip install 'xinzhi[{extra}]'"
            yield Check(AREA, f"[{extra}]", found, NOTE, f"If needed: {fix}")
        else:
            found = ", ".join(f"{item.name} {installed[item.name]}" for item in items)
            yield Check(AREA, f"[{extra}]", found)


def belongs_to(item: Requirement, extra: str) -> bool:
    """RETURNS (bool): Whether a requirement comes with an extra, and not without it."""
    marker = item.marker
    return bool(marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}))


def check_each_other(
    package: str, needed: list[Requirement], installed: dict[str, str]
) -> Iterator[Check]:
    """YIELDS (Check): A problem for each range of one package that another one is outside of."""
    for item in needed:
        applies = not item.marker or item.marker.evaluate({"extra": ""})
        if applies and item.name in installed:
            found = check_requirement(item, installed[item.name], by=package)
            if found.status == PROBLEM:
                yield found


def check_plugins() -> Check:
    """RETURNS (Check): Whether everything that spaCy finds by entry points can be imported."""
    found = metadata.distribution(PROJECT).entry_points
    broken = []
    for point in found:
        try:
            point.load()
        except Exception as error:  # a plug-in may fail in any way
            broken.append(f"{point.name}: {error}")
    if not broken:
        return Check(AREA, "plug-ins", f"{len(found)} can be loaded")
    return Check(
        AREA,
        "plug-ins",
        f"{len(broken)} of {len(found)} cannot be loaded, the first: {broken[0]}",
        PROBLEM,
        "Install it again: pip install --force-reinstall --no-deps xinzhi (from source: -e .)",
    )
