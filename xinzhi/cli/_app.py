"""The Typer application: one group, clean errors."""

from __future__ import annotations

import errno
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from ..errors import XinzhiError

# A full, read-only or forbidden disk can show up anywhere; anything else is ours to explain.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


class CleanErrors(TyperGroup):
    """Turn a XinzhiError, or a disk that refuses, into one message on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except XinzhiError as err:
            message = str(err)
        except OSError as err:
            if err.errno not in DISK_ERRORS:
                raise
            place = f"{err.filename}: " if err.filename else ""
            message = f"{place}{err.strerror}.\n  Free some space, or name a place you may use."
        typer.secho(f"✘ {message}", fg="red", err=True)
        sys.exit(1)


INCOMPLETE = 3  # exit code: written, but something could not be read, predicted or written

app = typer.Typer(
    name="xinzhi",
    cls=CleanErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Annotated Chinese and English text in, a fast installable spaCy model out.",
)
