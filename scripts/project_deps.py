"""Write the library files that each command of project.yml runs on into its deps.

python scripts/project_deps.py [--check]

The files are found by following the imports from the command's own file, and from the plug-ins
that spaCy and the library look up by name: entry points are no imports. Folders are no use as
deps: they hold compiled files (__pycache__), which change without an edit.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PLUMBING = {"xinzhi/cli/__init__.py", "xinzhi/cli/_app.py", "xinzhi/__init__.py"}
# A command that runs one of these files looks up the plug-ins of these entry-point groups.
LOOKUPS = {
    "xinzhi/encoders/sources.py": ("xinzhi_encoder_sources",),
    "xinzhi/corpora/formats/__init__.py": ("xinzhi_formats",),
}
TRAINING_ONLY = ("spacy_callbacks", "spacy_loggers", "spacy_batchers", "spacy_readers")
RUNS_PIPELINE = ("train", "calibrate", "evaluate", "effects", "package", "verify")


def library_files(command: str) -> list[str]:
    """RETURNS (List[str]): What `xinzhi COMMAND` runs on, as paths from the project's root."""
    todo = [f"xinzhi/cli/{command}.py"]
    if command in RUNS_PIPELINE:
        left_out = {"spacy_cli"} if command == "train" else {"spacy_cli", *TRAINING_ONLY}
        todo += _plugins(lambda group: group.startswith("spacy_") and group not in left_out)
    found: set[str] = set()
    while todo:
        path = todo.pop()
        if path in found or path in PLUMBING:
            continue
        found.add(path)
        todo += _imports(path)
        todo += _plugins(LOOKUPS.get(path, ()).__contains__)
    templates = {t for path in found for t in (ROOT / path).parent.glob("templates/*.*")}
    found |= {path.relative_to(ROOT).as_posix() for path in templates}
    return sorted(path for path in found if (ROOT / path).stat().st_size)


def update(text: str) -> str:
    """RETURNS (str): The text of project.yml with the library files of every command."""
    blocks = re.split(r"(?m)^(?=  - name: )", text)
    return "".join(_update_command(block) for block in blocks)


def _update_command(block: str) -> str:
    name = re.search(r"python -m xinzhi (\w+)", block)
    if name is None or not block.startswith("  - name: "):
        return block
    head, old, tail = re.split(r"(?m)(^    deps:.*\n(?:      - .*\n)*)", block, maxsplit=1)
    own = [line for line in old.splitlines()[1:] if '"xinzhi/' not in line]
    library = [f'      - "{path}"' for path in library_files(name[1])]
    return head + "\n".join(["    deps:", *own, *library]) + "\n" + tail


def _imports(path: str) -> list[str]:
    """RETURNS (List[str]): The library files that one file imports, at the top or inside."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf8"))
    files = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (ROOT / path).parents[node.level - 1].joinpath(*(node.module or "").split("."))
            files += [base, *(base / alias.name for alias in node.names)]
    return [found for file in files for found in _as_modules(file)]


def _as_modules(base: Path) -> list[str]:
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return [path.relative_to(ROOT).as_posix() for path in candidates if path.is_file()]


def _plugins(wanted: Callable[[str], bool]) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
    return [
        _as_modules(ROOT.joinpath(*target.split(":")[0].split(".")))[0]
        for group, points in project["entry-points"].items()
        if wanted(group)
        for target in points.values()
    ]


def main(
    check: Annotated[bool, typer.Option(help="Only say if it is out of date")] = False,
) -> None:
    """Bring the deps in project.yml up to date, or with --check fail if they are not."""
    path = ROOT / "project.yml"
    old = path.read_text(encoding="utf8")
    new = update(old)
    if check and old != new:
        raise SystemExit("project.yml is out of date. Run: python scripts/project_deps.py")
    path.write_text(new, encoding="utf8")


if __name__ == "__main__":
    typer.run(main)
