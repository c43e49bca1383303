"""project.yml: complete, portable, current; and the whole workflow on a tiny encoder."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path
from typing import Any

import pytest
import srsly
from weasel.cli.document import project_document
from weasel.cli.run import project_run
from weasel.schemas import ProjectConfigSchema, validate
from weasel.util import load_project_config

ROOT = Path(__file__).parent.parent
COMMANDS = (
    *("encoder", "convert", "check", "train", "calibrate", "evaluate", "package", "verify"),
    "clean",
)
PROJECT: dict[str, Any] = srsly.read_yaml(ROOT / "project.yml")
START, END = (
    f"<!-- WEASEL: AUTO-GENERATED DOCS {edge} (do not remove) -->" for edge in ("START", "END")
)


def commands() -> list[dict[str, Any]]:
    return list(load_project_config(ROOT)["commands"])


def test_schema() -> None:
    assert validate(ProjectConfigSchema, PROJECT) == []
    assert {command["name"] for command in PROJECT["commands"]} >= set(COMMANDS)
    assert PROJECT["workflows"]["all"] == list(COMMANDS[:-1])
    assert PROJECT["vars"]["gpu_id"] == -1


@pytest.mark.parametrize("name", [command["name"] for command in PROJECT["commands"]])
def test_command_is_complete(name: str) -> None:
    command = next(command for command in commands() if command["name"] == name)
    assert command["help"]
    assert command["script"]
    assert command["deps"]
    assert command.get("outputs") or command["name"] == "clean"
    for line in command["script"]:
        assert line.startswith(("python -m xinzhi ", "python scripts/"))
        assert not set(line) & set("&|;<>*?$`'\"\\"), "only a shell would understand this"


def test_deps_exist_or_are_made_by_an_earlier_command() -> None:
    made: set[str] = set()
    for command in commands():
        for dep in command["deps"]:
            assert dep in made or (ROOT / dep).is_file(), f"{command['name']}: {dep}"
        made |= set(command.get("outputs", []))


def test_every_file_a_script_names_is_a_dep_or_an_output() -> None:
    for command in commands():
        known = [*command["deps"], *command.get("outputs", [])]
        for word in " ".join(command["script"]).split():
            if "/" in word:
                assert any(path.startswith(word) for path in known), f"{command['name']}: {word}"


def test_library_files_are_listed() -> None:
    update = runpy.run_path(str(ROOT / "scripts" / "project_deps.py"))["update"]
    text = (ROOT / "project.yml").read_text(encoding="utf8")
    assert update(text) == text, "Run: python scripts/project_deps.py"


def test_library_files_are_found() -> None:
    library_files = runpy.run_path(str(ROOT / "scripts" / "project_deps.py"))["library_files"]
    train = library_files("train")
    assert {"xinzhi/cli/train.py", "xinzhi/training/checks.py", "xinzhi/errors.py"} <= set(train)
    assert "xinzhi/layers/encoder.py" in train  # an entry point
    assert "xinzhi/encoders/sources.py" in train  # imported by that
    assert "xinzhi/corpora/formats/jsonl.py" in library_files("convert")  # an entry point
    assert not [path for path in train if "packaging" in path]


def test_assets_have_descriptions_and_right_checksums() -> None:
    for asset in PROJECT["assets"]:
        content = (ROOT / asset["dest"]).read_bytes()
        assert asset["checksum"] == hashlib.md5(content).hexdigest()
        assert asset["description"]


def test_readme_section_is_current(tmp_path: Path) -> None:
    project_document(ROOT, tmp_path / "new.md", no_emoji=True)
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    section = readme[readme.index(START) : readme.index(END) + len(END)]
    message = "Run: python -m weasel document . --no-emoji --output README.md"
    assert section == (tmp_path / "new.md").read_text(encoding="utf8").strip(), message


@pytest.mark.parametrize("name", PROJECT["workflows"])
def test_dry_run_of_every_workflow(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    project_run(ROOT, name, dry=True, force=True)
    printed = capfd.readouterr().out
    scripts = {command["name"]: command["script"] for command in commands()}
    steps = PROJECT["workflows"][name]
    assert printed.count("Running command: ") == sum(len(scripts[step]) for step in steps)


def test_dry_run_of_the_workflow(capfd: pytest.CaptureFixture[str]) -> None:
    project_run(ROOT, "all", overrides={"vars.name": "smartcity", "vars.gpu_id": 3}, dry=True)
    assert "--gpu-id 3" in capfd.readouterr().out
