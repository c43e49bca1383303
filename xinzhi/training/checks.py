"""What can be wrong before training starts, said in one message each."""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterator
from configparser import Error as ConfigParserError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thinc.api import ConfigValidationError

from ..errors import XinzhiError

DOCBIN_SUFFIX = ".spacy"
LOWEST = {"max_steps": 0, "patience": 0, "eval_frequency": 1, "accumulate_gradient": 1}
LIMITS = ("max_steps", "max_epochs", "patience")  # 0: no limit


def check_config_file(path: Path) -> None:
    """RAISES (XinzhiError): There is no such config file, or it is not UTF-8 text."""
    if not path.is_file():
        raise XinzhiError(
            f"Config file not found: {path}",
            "The project's own configs are in configs/, e.g. configs/smartcity.cfg.",
        )
    try:
        text = path.read_text(encoding="utf8")
    except UnicodeDecodeError as err:
        raise XinzhiError(
            f"{path} is not UTF-8 text (byte 0x{err.object[err.start]:02x} at position "
            f"{err.start}).",
            "Save it as UTF-8.",
        ) from err
    if text.startswith("\ufeff"):
        raise XinzhiError(f"{path} starts with a byte-order mark.", "Save it as UTF-8 without BOM.")


def check_inputs(config: dict[str, Any], config_path: Path) -> None:
    """Check the settings that spaCy does not, and that the corpora and the encoder named exist.

    config (dict): The interpolated config.
    config_path (Path): Where it came from, for messages.
    RAISES (XinzhiError): One of them is not set, not there or not valid.
    """
    if "training" not in config:
        raise XinzhiError(
            f"{config_path} has no [training] section.",
            "Start from configs/smartcity.cfg, or run: python -m spacy init fill-config",
        )
    check_training(config["training"], config_path)
    for setting in ("train_corpus", "dev_corpus"):
        section: Any = config
        for key in str(config.get("training", {}).get(setting, "")).split("."):
            section = section.get(key, {}) if isinstance(section, dict) else {}
        if "path" in section:
            check_corpus(section["path"], f"{config_path}, {config['training'][setting]}.path")
    sourced = all("source" in pipe for pipe in config.get("components", {}).values())
    if "encoder" in config.get("paths", {}) and not sourced:
        check_encoder(config["paths"]["encoder"], config_path)


def check_training(training: dict[str, Any], config_path: Path) -> None:
    """Check the numbers with which spaCy's training loop would crash, do nothing or never end.

    training (dict): The section [training].
    config_path (Path): Where it came from.
    RAISES (XinzhiError): One of them is out of range.
    """
    for name, low in LOWEST.items():
        value = training.get(name, low)
        if isinstance(value, int) and value < low:
            raise XinzhiError(
                f"{config_path}: training.{name} = {value} is not valid.", f"Use {low} or more."
            )
    dropout = training.get("dropout", 0.0)
    if isinstance(dropout, int) or (isinstance(dropout, float) and not 0 <= dropout < 1):
        raise XinzhiError(
            f"{config_path}: training.dropout = {dropout} is not valid.",
            "Use a number with a decimal point, from 0.0 to below 1.",
        )
    if all(training.get(name) in (0, -1) for name in LIMITS):
        raise XinzhiError(
            f"{config_path}: training would never end: training.{', .'.join(LIMITS)} set no limit.",
            "Set one of them above 0, e.g. --training.max_steps 1000",
        )


def check_corpus(path: str | Path | None, where: str) -> None:
    """Check a corpus: a .spacy file, or a folder of them.

    path (str / Path): The corpus.
    where (str): Which setting names it.
    RAISES (XinzhiError): It is not set, not there, holds no .spacy file, or one that is damaged.
    """
    how = "Make it with: xinzhi convert FILE.jsonl FOLDER"
    if not path:
        raise XinzhiError(
            f"{where} is not set.", "Set it in the config or with --paths.train and --paths.dev."
        )
    path = Path(path)
    if not path.exists():
        raise XinzhiError(f"Corpus not found: {path} ({where})", how)
    if path.is_dir() and not any(path.rglob(f"*{DOCBIN_SUFFIX}")):
        raise XinzhiError(f"The corpus folder {path} holds no {DOCBIN_SUFFIX} file ({where})", how)
    if path.is_file() and path.suffix != DOCBIN_SUFFIX:
        raise XinzhiError(f"{path} is not a {DOCBIN_SUFFIX} file ({where})", how)
    for file in [path] if path.is_file() else sorted(path.rglob(f"*{DOCBIN_SUFFIX}")):
        if not is_complete(file):
            raise XinzhiError(f"{file} is not a DocBin file, or it is damaged ({where})", how)


def is_complete(path: Path) -> bool:
    """RETURNS (bool): Whether a file is one whole zlib stream, as spaCy's DocBin files are."""
    unpacker = zlib.decompressobj()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 16):
                unpacker.decompress(chunk)
    except zlib.error:
        return False
    return unpacker.eof


def check_encoder(name: str | None, config_path: Path) -> None:
    """Check an encoder that is given as a folder; registered and hub names are left alone.

    name (str): The setting paths.encoder.
    config_path (Path): Where it came from.
    RAISES (XinzhiError): It is not set, or it is the path of a folder that is not there.
    """
    if not name:
        raise XinzhiError(f"{config_path}: paths.encoder is not set.", "Set it: --paths.encoder …")
    hub_name = name.count("/") <= 1 and "\\" not in name and not name.startswith((".", "/", "~"))
    if not Path(name).is_dir() and not hub_name:
        raise XinzhiError(
            f"The encoder folder {name} does not exist ({config_path}, paths.encoder).",
            f"Fetch it: xinzhi encoder fetch e5-small --out {name}",
        )


@contextmanager
def readable_errors(config_path: Path) -> Iterator[None]:
    """Turn what spaCy raises about a config, its data or the disk into a XinzhiError.

    config_path (Path): The config, for the message.
    RAISES (XinzhiError): Instead of a config error, a spaCy error with a number ([E…]), an
        encoder that transformers cannot load, or a full disk.
    """
    try:
        yield
    except ConfigValidationError as err:
        raise XinzhiError(f"{config_path}: {_short(err)}", "Correct the setting.") from err
    except ConfigParserError as err:
        raise XinzhiError(f"{config_path}: {err}", "Correct the setting.") from err
    except (ValueError, ImportError) as err:
        if "'transformer-listener'" in str(err) or "'tok2vec-listener'" in str(err):
            raise XinzhiError(
                f"{config_path}: a component listens to a shared encoder that the pipeline lacks.",
                'Put it first in nlp.pipeline: ["transformer", …]',
            ) from err
        if not str(err).startswith("[E"):
            raise
        fact = str(err).split("\n\n")[0]
        raise XinzhiError(f"{config_path}: {fact}", "Correct the config or the data.") from err
    except OSError as err:
        raise _from_os_error(err, config_path) from err


def _short(err: ConfigValidationError) -> str:
    """RETURNS (str): The settings and what is wrong with each, without spaCy's dump of the rest."""
    lines = [
        f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
        + (f", not {error['input']!r}" if "input" in error else "")
        for error in err.errors or []
    ]
    title = " ".join(f"{err.title or ''} {err.desc or ''}".split())
    return "; ".join([title, *lines]) if title else "; ".join(lines)


def _from_os_error(err: OSError, config_path: Path) -> OSError | XinzhiError:
    """RETURNS (Exception): A full disk and an encoder that cannot be loaded as XinzhiError."""
    if err.errno == errno.ENOSPC:
        return XinzhiError(f"The disk is full: {err.filename or err}", "Free some space.")
    if err.errno is None:  # transformers raises OSError with a text, no number
        fact = str(err).strip().split("\n")[0]
        return XinzhiError(
            f"{config_path}: the encoder cannot be loaded. {fact}",
            "Set paths.encoder to a Hugging Face folder; xinzhi encoder fetch e5-small writes one.",
        )
    return err
