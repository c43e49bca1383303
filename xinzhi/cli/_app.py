"""The Typer application: one group, clean errors."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from ..errors import XinzhiError


class CleanErrors(TyperGroup):
    """Turn a XinzhiError into one message on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except XinzhiError as err:
            typer.secho(f"✘ {err}", fg="red", err=True)
            sys.exit(1)


app = typer.Typer(
    name="xinzhi",
    cls=CleanErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Annotated Chinese and English text in, a fast installable spaCy model out.",
)
