"""The options of every command that reads annotated files, whatever their format."""

from __future__ import annotations

from typing import Annotated

import typer

from ..corpora.formats import ReadOptions, get_format

FormatOption = Annotated[
    str,
    typer.Option(
        "--from", metavar="FORMAT", help="Format of the inputs; auto: found out for each file."
    ),
]
EncodingOption = Annotated[
    str | None, typer.Option(help="Encoding of the inputs, such as gb18030; default: found out.")
]
TextOption = Annotated[
    str | None,
    typer.Option("--text-field", help="Field or column with the text; default: the usual names."),
]
HeadsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--head",
        metavar="FIELD[=HEAD]",
        help="Field or column with the label of a head. Repeat for several.",
    ),
]
ScoresOption = Annotated[
    list[str] | None,
    typer.Option(
        "--score",
        metavar="FIELD[=NAME]",
        help="Field or column with a number to predict. Repeat for several.",
    ),
]


def reading(
    fmt: str = "auto",
    encoding: str | None = None,
    text: str | None = None,
    heads: list[str] | None = None,
    scores: list[str] | None = None,
) -> ReadOptions:
    """Check the options of the command line.

    RETURNS (ReadOptions): The options for `read_records`.
    RAISES (XinzhiError, typer.BadParameter): If a format or an encoding does not exist.
    """
    import codecs

    if fmt != "auto":
        get_format(fmt)
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError as err:
            raise typer.BadParameter(f"there is no encoding '{encoding}'") from err
    return ReadOptions(fmt, encoding, text, _names(heads), _names(scores))


def names(value: str | None) -> list[str]:
    """RETURNS (list): The names of a comma-separated option."""
    return [name.strip() for name in (value or "").split(",") if name.strip()]


def _names(items: list[str] | None) -> dict[str, str]:
    """["label=topic", "urgency"] to {"label": "topic", "urgency": "urgency"}."""
    pairs = (item.partition("=") for item in items or ())
    return {field: name or field for field, _, name in pairs}
