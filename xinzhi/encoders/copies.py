"""Encoders that no source ships: a hub name or a folder becomes a plain Hugging Face folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ..errors import XinzhiError
from ..files import replaced_folder, sha256_of
from .loading import load_encoder, read_encoder
from .sources import RECEIPT

NOTICES = ("LICEN[CS]E*", "NOTICE*", "README.md")


def copy_encoder(name: str, out: Path) -> bool:
    """Write an encoder as config.json, model.safetensors and a fast tokenizer.

    Does nothing if it is there already: written by an earlier call and unchanged, or put there by
    the user, who may have no hub.

    name (str): A local Hugging Face folder or a hub name.
    out (Path): The folder to write.
    RETURNS (bool): True if it was written, False if it was there.
    RAISES (XinzhiError): The encoder cannot be loaded, or `out` holds something else or cannot be
        written.
    """
    if (out / "config.json").is_file() and not (out / RECEIPT).exists():
        load_encoder(str(out))
        return False
    source = _checksums(Path(name)) if Path(name).is_dir() else {}
    title = Path(name).resolve().name if source else name
    if _is_copied(title, source, out):
        return False
    if out.exists() and not (out / RECEIPT).exists() and (out.is_file() or any(out.iterdir())):
        raise XinzhiError(
            f"{out} exists and is no Hugging Face folder: it has no config.json.",
            "Name another folder with --out, or empty this one.",
        )
    _, tokenizer, transformer = read_encoder(name)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replaced_folder(out) as folder:
            transformer.save_pretrained(folder, safe_serialization=True)
            tokenizer.save_pretrained(folder)
            for notice in [p for glob in NOTICES if source for p in Path(name).glob(glob)]:
                shutil.copyfile(notice, folder / notice.name)
            receipt = {"name": title, "source": source, "files": _checksums(folder)}
            text = json.dumps(receipt, indent=2, ensure_ascii=False)
            (folder / RECEIPT).write_text(text + "\n", encoding="utf8")
    except OSError as err:
        raise XinzhiError(
            f"{out} could not be written: {err.strerror or err}.",
            "Free some space, or name a folder you may write to with --out.",
        ) from err
    return True


def _is_copied(title: str, source: dict[str, str], out: Path) -> bool:
    try:
        receipt = json.loads((out / RECEIPT).read_text(encoding="utf8"))
    except (OSError, ValueError):
        return False
    if receipt.get("name") != title or receipt.get("source") != source:
        return False
    files: dict[str, str] = receipt.get("files", {})
    return all((out / f).is_file() and sha256_of(out / f) == h for f, h in files.items())


def _checksums(folder: Path) -> dict[str, str]:
    return {p.name: sha256_of(p) for p in sorted(folder.iterdir()) if p.is_file()}
