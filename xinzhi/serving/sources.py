"""Where the versions of a model are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from spacy.util import is_package

from ..errors import XinzhiError


@dataclass(frozen=True)
class Located:
    """What to load.

    path (str): A pipeline's folder, or the name of an installed package.
    version (str): The name of the version; None: as its meta says.
    """

    path: str
    version: str | None


@dataclass(frozen=True)
class Source:
    """What the settings say of a model.

    name (str): Its name in the service.
    path (str): A pipeline's folder, a folder of such folders (its versions), or a package.
    """

    name: str
    path: str

    def target(self) -> str:
        """RETURNS (str): Where the path leads now, links followed."""
        return os.path.realpath(self.path) if Path(self.path).exists() else self.path

    def versions(self) -> dict[str, Path]:
        """RETURNS (dict): Version -> folder, oldest first; empty if `path` is no such folder."""
        folder = Path(self.path)
        if is_pipeline(folder) or not folder.is_dir():
            return {}
        found = {path.name: path for path in folder.iterdir() if is_pipeline(path)}
        return dict(sorted(found.items(), key=lambda item: natural_order(item[0])))

    def locate(self, version: str | None) -> Located:
        """Find one version. Its name is looked up among the folders, never made into a path.

        version (str): Its name; None: the newest.
        RETURNS (Located): What to load.
        RAISES (XinzhiError): If it is not there.
        """
        versions = self.versions()
        if not versions:
            if Path(self.path).is_dir() and not is_pipeline(Path(self.path)):
                raise XinzhiError(
                    f"Model '{self.name}': {self.path} holds no pipeline, nor folders with one.",
                    "Name the folder that has meta.json and config.cfg, or the folder above.",
                )
            if not Path(self.path).exists() and not is_package(self.path):
                raise XinzhiError(
                    f"Model '{self.name}' cannot be served: there is no folder {self.path}, nor an "
                    "installed package of that name.",
                    "Name a saved pipeline, or install its package in this environment.",
                )
            return Located(self.target(), None)
        name = next(reversed(versions)) if version is None else version
        if name not in versions:
            raise XinzhiError(
                f"Model '{self.name}' has no version '{name}'.",
                f"Versions: {', '.join(versions)}.",
            )
        return Located(os.path.realpath(versions[name]), name)


def is_pipeline(folder: Path) -> bool:
    """RETURNS (bool): Whether a folder is a saved pipeline."""
    return (folder / "meta.json").is_file() and (folder / "config.cfg").is_file()


def natural_order(version: str) -> list[tuple[int, int, str]]:
    """RETURNS (list): A sort key: 1.10.0 comes after 1.9.0."""
    parts = version.replace("-", ".").replace("_", ".").split(".")
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
