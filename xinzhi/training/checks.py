"""What can be wrong before training starts, said in one message each."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from configparser import Error as ConfigParserError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thinc.api import ConfigValidationError

from ..errors import XinzhiError

DOCBIN_SUFFIX = ".spacy"


def check_config_file(path: Path) -> None:
    """RAISES (XinzhiError): There is no such config file."""
    if not path.is_file():
        raise XinzhiError(
            f"Config file not found: {path}",
            "The project's own configs are in configs/, e.g. configs/smartcity.cfg.",
        )


def check_inputs(config: dict[str, Any], config_path: Path) -> None:
    """Check that the corpora and the encoder that a config names exist.

    config (dict): The interpolated config.
    config_path (Path): Where it came from, for messages.
    RAISES (XinzhiError): One of them is not set or not there.
    """
    for setting in ("train_corpus", "dev_corpus"):
        section: Any = config
        for key in str(config.get("training", {}).get(setting, "")).split("."):
            section = section.get(key, {}) if isinstance(section, dict) else {}
        if "path" in section:
            check_corpus(section["path"], f"{config_path}, {config['training'][setting]}.path")
    check_encoder(config.get("paths", {}).get("encoder", ""), config_path)


def check_corpus(path: str | Path | None, where: str) -> None:
    """Check a corpus: a .spacy file, or a folder of them.

    path (str / Path): The corpus.
    where (str): Which setting names it.
    RAISES (XinzhiError): It is not set, not there, or holds no .spacy file.
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


def check_encoder(name: str | None, config_path: Path) -> None:
    """Check an encoder that is given as a folder; registered and hub names are left alone.

    name (str): The setting paths.encoder; empty if the config has none.
    config_path (Path): Where it came from.
    RAISES (XinzhiError): It is not set, or it is the path of a folder that is not there.
    """
    if name is None:
        raise XinzhiError(f"{config_path}: paths.encoder is not set.", "Set it: --paths.encoder …")
    hub_name = name.count("/") <= 1 and "\\" not in name and not name.startswith((".", "/", "~"))
    if name and not Path(name).is_dir() and not hub_name:
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
