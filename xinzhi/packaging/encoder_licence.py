"""Whose encoder a pipeline was trained from, and under which licence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import srsly

from ..encoders.sources import RECEIPT, get_sources

UNKNOWN = "not stated; ask whoever made the weights"


def find_encoders(config: dict[str, Any]) -> list[dict[str, str]]:
    """The encoders that a pipeline's config names.

    config (dict[str, Any]): The config, with variables filled in.
    RETURNS (list[dict[str, str]]): "name" and "licence" of each; for a folder that no
        `xinzhi encoder fetch` wrote, the licence is that of its LICENSE file, or unknown. That of
        a hub name is unknown.
    """
    sources = get_sources()
    found: dict[str, dict[str, str]] = {}
    for name in _encoder_names(config.get("components", {})):
        encoder = {"name": name, "licence": UNKNOWN}
        if name in sources:
            encoder["licence"] = sources[name].licence
        elif Path(name).is_dir():
            encoder = _from_folder(Path(name))
        found[encoder["name"]] = encoder
    return list(found.values())


def licence_notice(encoders: list[dict[str, str]]) -> str:
    """RETURNS (str): The notice that goes into the wheel's licence folder."""
    lines = ["The weights of this pipeline were trained from these encoders:", ""]
    for encoder in encoders:
        lines += [f"- {encoder['name']}: {encoder['licence']}", encoder.get("text", "")]
    return "\n".join(lines).rstrip() + "\n"


def _from_folder(folder: Path) -> dict[str, str]:
    receipt = srsly.read_json(folder / RECEIPT) if (folder / RECEIPT).is_file() else {}
    name = str(receipt.get("name", folder.name))
    if "licence" in receipt:
        return {"name": name, "licence": str(receipt["licence"])}
    texts = [file.read_text("utf8", "replace") for file in sorted(folder.glob("LICEN[CS]E*"))]
    if texts:
        return {
            "name": name,
            "licence": "see its text in ENCODER_LICENSE.txt",
            "text": "\n".join(texts),
        }
    return {"name": name, "licence": UNKNOWN}


def _encoder_names(block: dict[str, Any]) -> Iterator[str]:
    """The `name` of every architecture: both ours and spacy-transformers' name an encoder so."""
    name = block.get("name")
    if "@architectures" in block and isinstance(name, str):
        yield name
    for item in block.values():
        if isinstance(item, dict):
            yield from _encoder_names(item)
