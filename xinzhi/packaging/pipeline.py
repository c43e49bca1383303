"""The pipeline folder that goes into a wheel: checked, renamed, free of training leftovers."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import srsly
from packaging.version import InvalidVersion, Version
from spacy.util import load_config, load_meta, load_model
from thinc.api import Config

from ..errors import XinzhiError
from .names import rename_config

ALWAYS = ("tokenizer", "vocab")  # what spaCy writes besides config, meta and the components
NEEDED = ("meta.json", "config.cfg", "vocab/strings.json")
SAMPLE = "社区开通了刷脸门禁，residents like it 👍"


@dataclass(frozen=True)
class Pipeline:
    """A pipeline saved by spaCy, under the name and version it is packaged as.

    path (Path): Its folder.
    meta (dict[str, Any]): Its meta.json, with the new name and version.
    config (Config): Its config.cfg, variables not filled in.
    """

    path: Path
    meta: dict[str, Any]
    config: Config

    @property
    def package(self) -> str:
        """RETURNS (str): Import name of the wheel, e.g. "zh_smartcity"."""
        return f"{self.meta['lang']}_{self.meta['name']}"

    @property
    def versioned(self) -> str:
        """RETURNS (str): Name of the data folder, e.g. "zh_smartcity-0.1.0"."""
        return f"{self.package}-{self.meta['version']}"


def read_pipeline(path: Path, name: str | None = None, version: str | None = None) -> Pipeline:
    """Read a pipeline folder and check that it can be packaged.

    path (Path): The folder, e.g. `training/smartcity/model-best`.
    name (str | None): Package name, with or without the language in front; None keeps meta's.
    version (str | None): Package version; None keeps meta's.
    RETURNS (Pipeline): The pipeline.
    RAISES (XinzhiError): If it is no pipeline, or name or version cannot be used.
    """
    for file in NEEDED:
        if not (path / file).is_file():
            raise XinzhiError(
                f"{path} is not a saved pipeline: it has no {file}.",
                "Train first; the pipeline is the folder that training writes (model-best).",
            )
    try:
        meta = load_meta(path / "meta.json")
        config = load_config(path / "config.cfg", interpolate=False)
    except (ValueError, TypeError) as err:
        raise XinzhiError(
            f"{path} has a damaged meta.json or config.cfg: {err}", "Train or copy it again."
        ) from err
    damaged = [key for key in ("lang", "name", "version") if not isinstance(meta[key], str)]
    if damaged:
        raise XinzhiError(
            f"{path}/meta.json is damaged: '{damaged[0]}' is {meta[damaged[0]]!r}, not a text.",
            "Train or copy it again.",
        )
    meta["name"] = _package_name(name or meta["name"], meta["lang"])
    meta["version"] = _version(version or meta["version"])
    return Pipeline(path, meta, config)


def check_works(pipeline: Pipeline) -> None:
    """Load a pipeline and run it on a short text: nothing else shows that it is complete.

    pipeline (Pipeline): The pipeline.
    RAISES (XinzhiError): If it does not load or run, whatever its components raise.
    """
    try:
        load_model(pipeline.path)(SAMPLE)
    except Exception as err:
        reason = " ".join(str(err).split())[:300]
        raise XinzhiError(
            f"{pipeline.path} does not work, so it is not packaged: {type(err).__name__}: {reason}",
            "A file of it may be missing or damaged: train or copy it again. If its components "
            "need other code, install that first.",
        ) from err


def copy_data(pipeline: Pipeline, target: Path, names: dict[str, str]) -> None:
    """Copy what loading needs: config, meta, tokenizer, vocab, a folder or file per component.

    Anything else in the folder (checkpoints, optimizer state, logs) stays behind.

    pipeline (Pipeline): The pipeline.
    target (Path): The new data folder.
    names (dict[str, str]): Old to new registered names.
    """
    target.mkdir(parents=True)
    config = pipeline.config.copy()
    rename_config(config, names)
    config.to_disk(target / "config.cfg", interpolate=False)
    srsly.write_json(target / "meta.json", pipeline.meta)
    wanted = {*ALWAYS, *pipeline.config.get("components", {})}
    for source in sorted(pipeline.path.iterdir()):
        if source.name.partition(".")[0] in wanted:  # also sentencizer.json and the like
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, target / source.name)


def _package_name(name: str, lang: str) -> str:
    name = name.removeprefix(f"{lang}_")
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name):
        raise XinzhiError(
            f"'{name}' cannot be the name of a package.",
            "Use small letters a-z, digits and single underscores, e.g. --name smartcity",
        )
    return name


def _version(version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion as err:
        raise XinzhiError(
            f"'{version}' is not a version number.", "Use one like 0.1.0 (PEP 440)."
        ) from err
