"""A folder of versions, with what each scored and where it came from.

    ROOT/manifest.json        {"NAME": {"version": "2", "previous": "1"}}: what to serve
    ROOT/NAME/2/              the pipeline, as spaCy saves it
    ROOT/NAME/records/2.json  checksum, scores, parent, date, note
    ROOT/NAME/history.json    the versions promoted, the newest last

`xinzhi serve NAME=ROOT/NAME --manifest ROOT/manifest.json` follows the manifest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..compat import fcntl
from ..errors import XinzhiError
from ..files import replaced_folder, write_json
from ..provenance import data_fingerprint
from ..serving.manifest import Manifest
from ..serving.sources import is_pipeline

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
RECORDS = "records"
ANY = "*"  # no name of a version


@dataclass(frozen=True)
class Version:
    """What is known of a version.

    name (str): The model.
    version (str): A number from 1, counted up by `add`.
    created (str): When it was added; ISO 8601, UTC.
    source (str): The folder it was copied from.
    sha256 (str): Checksum of all its files.
    package (str): Language, name and version in its meta.json.
    parent (str | None): The version it was made from, or that was served when it was added.
    metrics (dict): Its scores, as `xinzhi evaluate` writes them, or as the training left them.
    note (str): What the person who added it says.
    """

    name: str
    version: str
    created: str
    source: str
    sha256: str
    package: str
    parent: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    note: str = ""


class Registry:
    """The registry in a folder. Several processes may use it at once: writers wait for each other.

    root (Path): The folder; made by the first `add`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifest = Manifest(root / "manifest.json")

    def add(
        self,
        pipeline: Path,
        name: str,
        metrics: dict[str, Any] | None = None,
        note: str = "",
        parent: str | None = None,
    ) -> Version:
        """Copy a pipeline into the registry as the next version. It is not served yet.

        pipeline (Path): The folder of a saved pipeline.
        name (str): The model.
        metrics (dict | None): Its scores; None: those that training left in its meta.json.
        note (str): Why it was made.
        parent (str | None): The version it was made from; None: the one that is served.
        RETURNS (Version): The version.
        RAISES (XinzhiError): If there is no such pipeline, or the name is none.
        """
        if not NAME.fullmatch(name) or name == RECORDS:
            raise XinzhiError(
                f"'{name}' cannot be the name of a model.", "Use letters, digits, _, - and dots."
            )
        if not is_pipeline(pipeline):
            raise XinzhiError(
                f"{pipeline} is no saved pipeline.", "Name a folder with meta.json and config.cfg."
            )
        meta = json.loads((pipeline / "meta.json").read_text(encoding="utf8"))
        scores = meta.get("performance", {}) if metrics is None else metrics
        with self._locked():
            number = str(1 + max((int(v.version) for v in self._records(name)), default=0))
            folder = self.root / name / number
            folder.parent.mkdir(parents=True, exist_ok=True)
            if folder.exists():  # copied before a crash, but never recorded
                shutil.rmtree(folder)
            with replaced_folder(folder) as new:
                shutil.copytree(pipeline, new, dirs_exist_ok=True)
            version = Version(
                name=name,
                version=number,
                created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
                source=str(pipeline),
                sha256=data_fingerprint([folder])["sha256"],
                package=f"{meta.get('lang')}_{meta.get('name')}-{meta.get('version')}",
                parent=parent or self.manifest.version(name),
                metrics=scores,
                note=note,
            )
            write_json(self._record_path(name, number), asdict(version))
        return version

    def versions(self, name: str) -> list[Version]:
        """RETURNS (list[Version]): The versions of a model that are complete, oldest first.

        RAISES (XinzhiError): If there is no such model.
        """
        found = [v for v in self._records(name) if is_pipeline(self.root / name / v.version)]
        if not found:
            known = ", ".join(self.names()) or "none yet"
            raise XinzhiError(f"{self.root} has no model '{name}'.", f"Models: {known}.")
        return found

    def names(self) -> list[str]:
        """RETURNS (list[str]): The models."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{RECORDS}"))

    def current(self, name: str) -> str | None:
        """RETURNS (str | None): The version that is promoted; None before the first promotion."""
        return self.manifest.version(name)

    def path(self, name: str, version: str | None = None) -> Path:
        """RETURNS (Path): The folder of a version; None: of the one that is promoted.

        RAISES (XinzhiError): If there is none.
        """
        version = version or self.current(name)
        if version is None:
            raise XinzhiError(
                f"No version of '{name}' is promoted.", f"Run: xinzhi registry promote {name} …"
            )
        return self.root / name / self._known(name, version).version

    def promote(self, name: str, version: str, instead_of: str | None = ANY) -> None:
        """Make a version the one that is served.

        name (str): The model.
        version (str): One of its versions.
        instead_of (str | None): Only if this version is served now; None: only if none is.
        RAISES (XinzhiError): If there is none, its files are not those that were added, or another
            version is served than the one to be replaced.
        """
        with self._locked():
            self._check(name, version)
            served = self.current(name)
            if instead_of != ANY and served != instead_of:
                raise XinzhiError(
                    f"'{name}' is not at version {instead_of} any more but at {served}: version "
                    f"{version} was added, and is not served.",
                    f"Compare the two, then: xinzhi registry promote {name} {version}",
                )
            history = self._history(name)
            if history[-1:] != [version]:
                history.append(version)
            self._serve(name, history)

    def roll_back(self, name: str) -> str:
        """Serve again what was served before.

        name (str): The model.
        RETURNS (str): The version that is served now.
        RAISES (XinzhiError): If there is nothing to go back to.
        """
        with self._locked():
            self.versions(name)  # there is such a model
            history = self._history(name)[:-1]
            if not history:
                raise XinzhiError(
                    f"'{name}' had no version before this one.",
                    f"Run: xinzhi registry list {name}",
                )
            self._check(name, history[-1])
            self._serve(name, history)
        return history[-1]

    def _serve(self, name: str, history: list[str]) -> None:
        """The manifest first: it is what counts. `_history` mends a crash between the two."""
        previous = history[-2] if len(history) > 1 else history[-1]
        self.manifest.write(name, history[-1], previous)
        write_json(self.root / name / "history.json", history)

    def _history(self, name: str) -> list[str]:
        """The versions promoted, the newest last. It ends with the version of the manifest: after
        a crash, or a change by the service itself, the manifest is right."""
        file = self.root / name / "history.json"
        history = json.loads(file.read_text(encoding="utf8")) if file.is_file() else []
        current = self.manifest.version(name)
        if current is None or history[-1:] == [current]:
            return history
        if current in history and self.manifest.previous(name) != history[-1]:
            return history[: len(history) - history[::-1].index(current)]  # a roll-back
        return [*history, current]

    def holds(self, name: str, version: str, pipeline: Path) -> bool:
        """RETURNS (bool): Whether a folder has the very files of a version.

        RAISES (XinzhiError): If there is no such version.
        """
        known = self._known(name, version)
        return data_fingerprint([pipeline])["sha256"] == known.sha256

    def _check(self, name: str, version: str) -> None:
        if not self.holds(name, version, self.root / name / version):
            raise XinzhiError(
                f"Version {version} of '{name}' is not what was added: its files have changed.",
                "Add the pipeline anew.",
            )

    def _known(self, name: str, version: str) -> Version:
        versions = {v.version: v for v in self.versions(name)}
        if version not in versions:
            raise XinzhiError(
                f"'{name}' has no version '{version}'.", f"Versions: {', '.join(versions)}."
            )
        return versions[version]

    def _records(self, name: str) -> list[Version]:
        files = (self.root / name / RECORDS).glob("*.json")
        found = (Version(**json.loads(file.read_text(encoding="utf8"))) for file in files)
        return sorted(found, key=lambda version: int(version.version))

    def _record_path(self, name: str, version: str) -> Path:
        return self.root / name / RECORDS / f"{version}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; the lock of a process that is killed is released by the system."""
        self.root.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
