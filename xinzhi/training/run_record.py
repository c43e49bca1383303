"""The record of a run: config, versions, git revision, data fingerprint, and how it ended."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.language import Language
from thinc.api import Config

from ..errors import XinzhiError
from ..files import sha256_of, write_json
from ..provenance import git_revision, training_versions

FOLDER = "run"
CONFIG, RECORD = "config.cfg", "run.json"
# What may differ between a training and its continuation: where it ends, and what it tells.
WITHOUT_EFFECT = ("run.checkpoint_every", "training.logger.")
MAY_CHANGE = (
    *WITHOUT_EFFECT,
    "run.",
    "training.max_steps",
    "training.max_epochs",
    "training.patience",
)


def corpus_paths(config: dict[str, Any]) -> list[Path]:
    """RETURNS (list): The files and folders that the readers under [corpora] name as `path`."""
    found: list[Path] = []

    def walk(section: dict[str, Any]) -> None:
        for name, value in section.items():
            if isinstance(value, dict):
                walk(value)
            elif name == "path" and isinstance(value, str) and Path(value).exists():
                found.append(Path(value))

    walk(config.get("corpora", {}))
    return found


def data_files(config: dict[str, Any]) -> dict[str, str]:
    """RETURNS (dict): Each corpus file -> SHA-256."""
    files = []
    for path in corpus_paths(config):
        files += [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {file.as_posix(): sha256_of(file) for file in files}


def start_record(folder: Path, nlp: Language, use_gpu: int) -> dict[str, Any]:
    """Write what a run starts from.

    folder (Path): The run's folder.
    nlp (Language): The initialised pipeline.
    use_gpu (int): The number of the GPU, -1 for the CPU.
    RETURNS (dict): The record.
    """
    import torch

    config = nlp.config.interpolate()
    record = {
        "status": "running",
        "started": now(),
        "resumed": [],
        "seed": config["training"]["seed"],
        "device": f"GPU {use_gpu}" if use_gpu >= 0 else "CPU",
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "versions": training_versions(),
        "git_revision": git_revision(Path.cwd()),
        "command": sys.argv[1:],
        "data": data_files(config),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(nlp.config.to_str(interpolate=False), encoding="utf8")
    write_json(folder / RECORD, record)
    return record


def resume_record(folder: Path, step: int) -> None:
    """Note in the record that the run goes on from a step."""
    resumed = read_record(folder).get("resumed", [])
    update_record(folder, resumed=[*resumed, {"at": now(), "step": step}])


def check_same_run(folder: Path, nlp: Language) -> None:
    """Check that a training can go on: same settings, same data.

    folder (Path): The folder of the unfinished run.
    nlp (Language): The pipeline, initialised from today's config.
    RAISES (XinzhiError): Something differs that must not.
    """
    how = "Use the same command as then, or train anew without --resume."
    changed = changed_settings(folder, nlp.config)
    if changed:
        (name, (old, new)), *more = sorted(changed.items())
        raise XinzhiError(
            f"The unfinished training had {name} = {old!r}, now it is {new!r}"
            + (f" ({len(more)} more settings differ)." if more else "."),
            how,
        )
    before, after = read_record(folder).get("data", {}), data_files(nlp.config.interpolate())
    for path in {**before, **after}:
        if before.get(path) != after.get(path):
            raise XinzhiError(f"{path} is not what the unfinished training read.", how)


def changed_settings(
    folder: Path, config: Config, may_change: tuple[str, ...] = MAY_CHANGE
) -> dict[str, tuple[Any, Any]]:
    """Compare a config with that of a run.

    folder (Path): The run's folder.
    config (Config): The config; what it leaves out is not compared.
    may_change (tuple): Settings, by how they begin, that are not compared either.
    RETURNS (dict): Each setting that differs and must not: its value then and now.
    """
    old = util.load_config(folder / CONFIG, interpolate=True)
    return {
        name: change
        for name, change in differing_settings(old, config.interpolate()).items()
        if not name.startswith(may_change)
    }


def differing_settings(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """RETURNS (dict): Each setting of the new config that the old one lacks or has with another
    value, by dotted name: its value then and now."""
    before = _flat(old)
    return {n: (before.get(n), value) for n, value in _flat(new).items() if before.get(n) != value}


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def read_record(folder: Path) -> dict[str, Any]:
    """RETURNS (dict): The record of a run; empty if there is none."""
    path = folder / RECORD
    return srsly.read_json(path) if path.is_file() else {}


def update_record(folder: Path, **values: Any) -> None:
    """Change some values of the record."""
    write_json(folder / RECORD, {**read_record(folder), **values})


def now() -> str:
    """RETURNS (str): The time in UTC, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
