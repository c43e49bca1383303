"""The whole project on a tiny encoder, in a folder whose path has spaces and Chinese characters,
with every attempt to open a connection recorded and refused.

The tiny encoder is registered the way a third party would: by the entry point of another package.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .test_readme import blocks

ROOT = Path(__file__).parent.parent
WHEEL = "packages/zh_smartcity-0.1.0-py3-none-any.whl"
VARS = ["--vars.encoder", "tiny", "--vars.config", "tiny"]
STEPS = ["encoder", "convert", "check", "train", "calibrate", "evaluate", "package", "verify"]
COPIED = ("project.yml", "constraints.txt", "LICENSE", "THIRD_PARTY_NOTICES.md", "pyproject.toml")
LINES = {"train": 150, "dev": 20, "test": 20}

PLUGIN = """
from pathlib import Path
import shutil
from xinzhi.encoders.sources import EncoderSource

FOLDER = Path({folder!r})

def write(original, folder):
    for file in FOLDER.iterdir():
        shutil.copy(file, folder)

TINY = EncoderSource("tiny", "random weights", "MIT", "tiny-encoder",
                     lambda: FOLDER / "model.safetensors", {sha256!r}, 1, write)
"""
NO_NETWORK = """
import os, socket

def refuse(what):
    with open(os.environ["CONNECTIONS"], "a") as log:
        log.write(f"{what}\\n")
    raise OSError(f"a connection was attempted: {what}")

connect = socket.socket.connect

class Socket(socket.socket):
    def connect(self, address):
        if self.family == getattr(socket, "AF_UNIX", None):
            return connect(self, address)
        refuse(address)
    connect_ex = connect

socket.socket = Socket
socket.getaddrinfo = lambda host, *args, **kwargs: refuse(host)
socket.gethostbyname = lambda host: refuse(host)
"""


@dataclass
class Project:
    """A copy of the project and how to run something in it."""

    folder: Path
    env: dict[str, str]

    def run(self, *command: str) -> str:
        """RETURNS (str): What a Python command printed; it must have succeeded."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf8",
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run_all(self) -> str:
        return self.run("-m", "spacy", "project", "run", "all", ".", *VARS)


def copy_project(folder: Path) -> None:
    """Copy what a checkout has, with fewer texts."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("xinzhi", "scripts", "configs"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in COPIED:
        shutil.copy(ROOT / name, folder)
    (folder / "assets" / "smartcity").mkdir(parents=True)
    for split, count in LINES.items():
        path = Path("assets") / "smartcity" / f"{split}.jsonl"
        lines = (ROOT / path).read_text(encoding="utf8").splitlines(keepends=True)
        (folder / path).write_text("".join(lines[:count]), encoding="utf8")
    text = (folder / "project.yml").read_text(encoding="utf8")
    offline = text.replace('verify_options: ""', 'verify_options: "--offline"')
    assert offline != text
    (folder / "project.yml").write_text(offline, encoding="utf8")


def write_plugin(folder: Path, encoder: Path) -> None:
    """Write an importable package that registers the encoder, and a guard against connections."""
    sha256 = hashlib.sha256((encoder / "model.safetensors").read_bytes()).hexdigest()
    info = folder / "tiny_encoder-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-encoder\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xinzhi_encoder_sources]\ntiny = tiny_encoder:TINY\n")
    code = PLUGIN.format(folder=str(encoder), sha256=sha256)
    (folder / "tiny_encoder.py").write_text(code, encoding="utf8")
    (folder / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf8")


@pytest.fixture(scope="module")
def project(tiny_encoder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Project:
    base = tmp_path_factory.mktemp("workflow")
    folder = base / "我的 project 一"
    folder.mkdir()
    copy_project(folder)
    write_plugin(base / "plugin", tiny_encoder())
    env = {
        **os.environ,
        "PYTHONPATH": str(base / "plugin"),
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
        "CONNECTIONS": str(base / "connections.txt"),
        "COLUMNS": "200",
    }
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        env.pop(name, None)
    return Project(folder, env)


@pytest.fixture(scope="module")
def printed(project: Project) -> str:
    """What `make demo` prints."""
    return project.run(str(Path("scripts") / "demo.py"), *VARS)


@pytest.fixture(scope="module")
def installed(project: Project, printed: str) -> Project:
    """Another folder, with the wheel installed beside xinzhi."""
    site = project.folder.parent / "site"
    pip = ["-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", str(site)]
    project.run(*pip, WHEEL)
    paths = os.pathsep.join([str(site), project.env["PYTHONPATH"]])
    return Project(project.folder.parent, {**project.env, "PYTHONPATH": paths})


@pytest.mark.slow
def test_ends_with_scores_times_and_the_wheel(project: Project, printed: str) -> None:
    assert (project.folder / WHEEL).is_file()
    assert printed.strip().splitlines()[-1].endswith(WHEEL)
    end = printed[printed.rindex("zh_") - 4000 :]
    for text in ("entities, f1", "topic, accuracy", "sentiment, macro F1", "Wall time", *STEPS):
        assert text in end
    scores = json.loads((project.folder / "metrics/smartcity/test.json").read_text("utf8"))
    assert scores["counts"]["documents"] == LINES["test"]
    assert set(scores["heads"]) == {"topic", "sentiment"}
    assert (project.folder / "metrics/smartcity/verify.json").is_file()


@pytest.mark.slow
def test_the_wheel_is_calibrated_and_the_trained_pipeline_is_not(
    project: Project, printed: str
) -> None:
    def meta(folder: str) -> dict[str, Any]:
        return json.loads((project.folder / folder / "meta.json").read_text("utf8"))

    fitted = json.loads((project.folder / "metrics/smartcity/calibration.json").read_text("utf8"))
    assert set(fitted) == {"xinzhi_ner", "xinzhi_cats"}
    assert "calibration" not in meta("training/smartcity/model-best")
    calibration = meta("training/smartcity/model-calibrated")["calibration"]
    wanted = fitted["xinzhi_cats"]["topic"]["fitted"]
    assert calibration["xinzhi_cats"]["topic"] == pytest.approx(wanted)
    with zipfile.ZipFile(project.folder / WHEEL) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith("0.1.0/meta.json"))
        assert json.loads(wheel.read(name))["calibration"] == calibration


def test_the_guard_against_connections_works(project: Project, tmp_path: Path) -> None:
    env = {**project.env, "CONNECTIONS": str(tmp_path / "log")}
    code = """
        import socket, urllib.request
        for attempt in (
            lambda: socket.create_connection(("127.0.0.1", 9)),
            lambda: socket.socket().connect(("127.0.0.1", 9)),
            lambda: urllib.request.urlopen("http://localhost:9"),
        ):
            try:
                attempt()
            except OSError as err:
                assert "attempted" in str(err), err
    """
    Project(tmp_path, env).run("-c", textwrap.dedent(code))
    assert len((tmp_path / "log").read_text().splitlines()) == 3


@pytest.mark.slow
def test_a_second_run_runs_nothing(project: Project, printed: str) -> None:
    output = project.run_all()
    assert "Running command" not in output
    assert [step for step in STEPS if f"Skipping '{step}'" in output] == STEPS


@pytest.mark.slow
def test_an_edit_of_the_library_runs_what_depends_on_it(
    project: Project, printed: str, tmp_path: Path
) -> None:
    copy = Project(tmp_path / "复制", project.env)
    shutil.copytree(project.folder, copy.folder)
    with (copy.folder / "xinzhi" / "corpora" / "show.py").open("a", encoding="utf8") as source:
        source.write("# edited\n")
    output = copy.run_all()
    assert [step for step in STEPS if f"Skipping '{step}'" not in output] == ["convert", "check"]


@pytest.mark.slow
def test_readme_snippets_run(project: Project, installed: Project) -> None:
    use, api = blocks("README.md", "python")  # the other README has the same ones
    lines = installed.run("-c", use).splitlines()
    assert [line.split(":")[0] for line in lines[-2:]] == ["sentiment", "topic"]
    assert len(project.run("-c", api).split()) == 2


@pytest.mark.slow
def test_a_gpu_that_is_not_there_fails_with_one_line(project: Project, printed: str) -> None:
    command = ["-m", "xinzhi", "train", "configs/tiny.cfg", "-o", "out", "--gpu-id", "99"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=project.folder,
        env=project.env,
        capture_output=True,
        encoding="utf8",
        check=False,
    )
    assert done.returncode == 1
    assert "GPU 99 was asked for" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_encoder_by_hub_name(
    project: Project, tiny_encoder: Callable[..., Path], tmp_path: Path
) -> None:
    """What docs/encoder.md says for machines without a hub: its folder lies in the right place."""
    copy = Project(tmp_path / "复制 hub", project.env)
    copy_project(copy.folder)
    config = copy.folder / "configs" / "smartcity_hub.cfg"
    text = config.read_text(encoding="utf8")
    short = re.sub(r"(?m)^(max_steps|total_steps|eval_frequency) = .*", r"\1 = 2", text)
    assert short.count(" = 2\n") == 3
    config.write_text(short, encoding="utf8")
    name = "hfl/chinese-roberta-wwm-ext"
    shutil.copytree(tiny_encoder("wordpiece"), copy.folder / "assets" / "encoders" / name)
    variables = ["--vars.config", "smartcity_hub", "--vars.encoder", name]
    for step in ("encoder", "convert", "train"):
        copy.run("-m", "spacy", "project", "run", step, ".", *variables)
    code = "import spacy; print(spacy.load('training/smartcity/model-best').config['paths'])"
    assert f"'assets/encoders/{name}'" in copy.run("-c", code)


@pytest.mark.slow
def test_clean_removes_what_was_made(project: Project, printed: str, tmp_path: Path) -> None:
    copy = tmp_path / "复制"
    shutil.copytree(project.folder, copy)
    Project(copy, project.env).run("-m", "spacy", "project", "run", "clean", ".")
    left = {path.name for path in copy.iterdir()}
    assert left >= {"xinzhi", "assets", "configs", "project.yml"}
    made = [copy / name for name in ("corpus/smartcity", "training/smartcity", WHEEL)]
    made += [copy / "metrics" / "smartcity" / "test.json", copy / "assets" / "encoders" / "tiny"]
    assert not [path for path in made if path.exists()]
    assert (copy / "assets" / "smartcity" / "train.jsonl").is_file()


@pytest.mark.slow
def test_no_connection_was_attempted(project: Project, installed: Project) -> None:
    """Stands last: everything above ran with the guard, from the encoder to predictions."""
    log = Path(project.env["CONNECTIONS"])
    assert not log.exists(), log.read_text()
