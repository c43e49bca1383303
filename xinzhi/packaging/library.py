"""What the library is made of: its files, its registered names, its declared dependencies."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..errors import XinzhiError

PACKAGE = __name__.split(".")[0]
LICENSE_FILES = ("LICENSE", "THIRD_PARTY_NOTICES.md")
NOT_REGISTRIES = {"spacy_cli", "spacy_models"}  # entry point groups that hold no functions


@dataclass(frozen=True)
class RegisteredName:
    """One entry point that spaCy or Thinc resolves.

    group (str): Entry point group, e.g. "spacy_architectures".
    name (str): Registered name, e.g. "xinzhi.Encoder.v1".
    module (str): Module of the function, e.g. "xinzhi.layers.encoder".
    attr (str): The function's name in that module.
    """

    group: str
    name: str
    module: str
    attr: str

    @property
    def registry(self) -> str:
        """RETURNS (str): Attribute of `spacy.registry`, e.g. "architectures"."""
        return self.group.partition("_")[2]


@dataclass(frozen=True)
class Library:
    """A Python package whose modules are copied into wheels.

    package (str): Import name, e.g. "xinzhi".
    root (Path): Folder of that package.
    version (str): Its version.
    registered (tuple[RegisteredName, ...]): Every name it registers.
    requires (tuple[Requirement, ...]): Its declared dependencies, extras left out.
    licenses (tuple[Path, ...]): Licence and notice files.
    """

    package: str
    root: Path
    version: str
    registered: tuple[RegisteredName, ...] = ()
    requires: tuple[Requirement, ...] = ()
    licenses: tuple[Path, ...] = ()

    def file(self, module: str) -> Path | None:
        """The source file of a module.

        module (str): Dotted name, e.g. "xinzhi.layers.encoder".
        RETURNS (Path | None): The file, or None if there is no such module.
        """
        path = self.root.joinpath(*module.split(".")[1:])
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if path != self.root and candidate.is_file():
                return candidate
        return path / "__init__.py" if path == self.root else None

    def requirement(self, distribution: str) -> Requirement | None:
        """RETURNS (Requirement | None): What the library declares about a distribution."""
        wanted = canonicalize_name(distribution)
        found = (req for req in self.requires if canonicalize_name(req.name) == wanted)
        return next(found, None)


def installed_library(package: str = PACKAGE) -> Library:
    """Describe the library that runs now, from its installed metadata.

    package (str): Import and distribution name.
    RETURNS (Library): Its files, registered names and dependencies.
    RAISES (XinzhiError): If it has no installed metadata.
    """
    try:
        dist = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as err:
        raise XinzhiError(
            f"'{package}' runs from a folder that is not installed, so its names are unknown.",
            "Install it: pip install -e .",
        ) from err
    root = _package_root(package)
    return Library(
        package=package,
        root=root,
        version=dist.version,
        registered=tuple(_registered(dist)),
        requires=tuple(core_requirements(dist)),
        licenses=tuple(_license_files(dist, root.parent)),
    )


def _package_root(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _registered(dist: importlib.metadata.Distribution) -> list[RegisteredName]:
    return [
        RegisteredName(point.group, point.name, point.module, point.attr)
        for point in dist.entry_points
        if point.group.startswith(("spacy_", "thinc_")) and point.group not in NOT_REGISTRIES
    ]


def core_requirements(dist: importlib.metadata.Distribution) -> list[Requirement]:
    """RETURNS (list[Requirement]): What a distribution requires, extras left out."""
    requirements = [Requirement(text) for text in dist.requires or []]
    return [req for req in requirements if "extra" not in str(req.marker or "")]


def _license_files(dist: importlib.metadata.Distribution, checkout: Path) -> list[Path]:
    if (checkout / "pyproject.toml").is_file():
        return [checkout / name for name in LICENSE_FILES if (checkout / name).is_file()]
    shipped = {file.name: Path(str(file.locate())) for file in dist.files or []}
    return [shipped[name] for name in LICENSE_FILES if name in shipped]
