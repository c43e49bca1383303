"""How large a wheel is, part by part."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class PartSize:
    """One part of a wheel.

    part (str): A component's name, "vocab", "code", "metadata" …
    files (int): Number of files.
    raw (int): Bytes when installed.
    packed (int): Bytes in the wheel.
    """

    part: str
    files: int
    raw: int
    packed: int


def wheel_sizes(wheel: Path) -> list[PartSize]:
    """Add up a wheel's files by part, the largest first.

    wheel (Path): A wheel made by `package_pipeline`.
    RETURNS (list[PartSize]): One entry per component, plus code, metadata and the rest.
    """
    parts: dict[str, list[zipfile.ZipInfo]] = {}
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            parts.setdefault(_part(info.filename), []).append(info)
    sizes = [
        PartSize(part, len(items), sum(i.file_size for i in items), _packed(items))
        for part, items in parts.items()
    ]
    return sorted(sizes, key=lambda size: -size.packed)


def _packed(items: list[zipfile.ZipInfo]) -> int:
    return sum(item.compress_size for item in items)


def _part(filename: str) -> str:
    parts = PurePosixPath(filename).parts
    if parts[0].endswith(".dist-info"):
        return "metadata"
    if parts[-1].endswith(".py"):
        return "code"
    return parts[2] if len(parts) > 2 else "metadata"
