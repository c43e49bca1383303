"""Pieces of inline SVG: no script, no style sheet, nothing from the network."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup


def element(tag: str, *content: str, **attributes: str | float | None) -> Markup:
    """One SVG element.

    tag (str): Its name.
    content (str): What is inside; text is escaped, Markup is not.
    attributes: Numbers are written with one decimal, `_` becomes `-`, None is left out; `class_`
        is the class.
    RETURNS (Markup): The element.
    """
    parts = [
        Markup(' {}="{}"').format(_name(name), _value(value))
        for name, value in attributes.items()
        if value is not None
    ]
    inner = Markup("").join(content)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), Markup("").join(parts), inner)


def text(x: float, y: float, content: str, *, longest: int = 24, **attributes: str) -> Markup:
    """RETURNS (Markup): A text that is cut if it is longer than so many characters."""
    short = content if len(content) <= longest else content[: longest - 1] + "…"
    title = (element("title", content),) if short != content else ()
    return element("text", short, *title, x=x, y=y, **attributes)


def picture(width: float, height: float, parts: Iterable[Markup], label: str) -> Markup:
    """RETURNS (Markup): The whole picture; `label` is what a screen reader says."""
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        role="img",
        aria_label=label,
    )


def _name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}"
