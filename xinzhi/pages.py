"""Self-contained HTML pages from templates that ship with the package."""

from __future__ import annotations

from importlib.resources import files
from typing import Any


def render(package: str, template: str, **values: Any) -> str:
    """Fill a template; what is not Markup is escaped.

    package (str): The package that has a folder `templates`.
    template (str): File name of the template.
    values: What the template needs.
    RETURNS (str): The page.
    """
    from jinja2 import Environment

    text = files(package).joinpath("templates", template).read_text(encoding="utf8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(**values)
