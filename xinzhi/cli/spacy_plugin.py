"""Makes every command reachable as `python -m spacy xinzhi …` (entry point group `spacy_cli`)."""

from __future__ import annotations

from spacy.cli._util import app as spacy_app

from . import app


def register() -> None:
    """Nothing to call: importing this module has already added the group."""


spacy_app.add_typer(app, name="xinzhi")
