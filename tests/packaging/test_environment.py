from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from xinzhi.errors import XinzhiError
from xinzhi.packaging.environment import create_environment, install_wheel, link_dependencies


def run(python: Path, code: str) -> str:
    done = subprocess.run(
        [str(python), "-I", "-c", code], capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr).strip()


def test_lent_packages_without_some(tmp_path: Path) -> None:
    python = create_environment(tmp_path / "环境 env")
    link_dependencies(python, tmp_path / "lent", ["xinzhi", "wasabi"])
    assert run(python, "import srsly; print(srsly.json_dumps(1))") == "1"
    for absent in ("xinzhi", "wasabi"):
        assert "ModuleNotFoundError" in run(python, f"import {absent}")
        code = f"import importlib.metadata as m; print(m.version('{absent}'))"
        assert "PackageNotFoundError" in run(python, code)
    code = "import importlib.metadata as m; print([*m.entry_points(group='xinzhi_formats')])"
    assert run(python, code) == "[]"


def test_install_without_index(tmp_path: Path, wheel: Path) -> None:
    python = create_environment(tmp_path / "环境 env")
    install_wheel(python, wheel, dependencies=False)
    code = "import importlib.metadata as m; print(m.version('zh_demo'))"
    assert run(python, code) == "0.1.0"


def test_a_broken_wheel_is_reported(tmp_path: Path) -> None:
    python = create_environment(tmp_path / "env")
    broken = tmp_path / "zh_demo-0.1.0-py3-none-any.whl"
    broken.write_bytes(b"not a zip")
    with pytest.raises(XinzhiError, match=r"pip could not install zh_demo-0\.1\.0") as caught:
        install_wheel(python, broken, dependencies=False)
    assert "--offline" in caught.value.next_step


def test_an_interpreter_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="no-such-python could not create"):
        create_environment(tmp_path / "env", "no-such-python")
