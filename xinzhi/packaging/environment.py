"""Throw-away virtual environments to try a wheel in."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from ..errors import XinzhiError


def create_environment(folder: Path, python: str = sys.executable) -> Path:
    """Create an empty virtual environment.

    folder (Path): Where; made new.
    python (str): The interpreter to base it on.
    RETURNS (Path): The new environment's interpreter.
    RAISES (XinzhiError): If that interpreter cannot.
    """
    try:
        _run([python, "-m", "venv", "--without-pip", str(folder)])
    except (OSError, subprocess.CalledProcessError) as err:
        raise XinzhiError(
            f"{python} could not create a virtual environment: {_tail(err)}",
            "Name a working interpreter with --python, and make sure the disk is not full.",
        ) from err
    windows = os.name == "nt"
    return folder / ("Scripts" if windows else "bin") / ("python.exe" if windows else "python")


def install_wheel(
    python: Path, wheel: Path, constraints: Path | None = None, dependencies: bool = True
) -> None:
    """Install a wheel with this environment's pip; pip's own settings apply.

    python (Path): The interpreter to install for.
    wheel (Path): The wheel.
    constraints (Path | None): A pip constraints file.
    dependencies (bool): Install what the wheel requires, from the package index.
    RAISES (XinzhiError): If pip fails.
    """
    command = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    command += ["--quiet", "--disable-pip-version-check"]
    if constraints:
        command += ["--constraint", str(constraints)]
    if not dependencies:
        command += ["--no-deps", "--no-index"]
    try:
        _run([*command, str(wheel)])
    except subprocess.CalledProcessError as err:
        raise XinzhiError(
            f"pip could not install {wheel.name} into a new environment:\n{_tail(err)}",
            "Without a package index use --offline; to pin versions use --constraints FILE.",
        ) from err


def link_dependencies(python: Path, folder: Path, without: Iterable[str]) -> None:
    """Lend an environment the packages of this one, except some.

    Every top-level item of this environment's site-packages is linked into a folder, which a .pth
    file puts on the new environment's path. Left out are the files of the distributions named,
    and everything named like them, so that neither code nor entry points of them can be found.
    Python does not process .pth files in such a folder, so editable installs stay out too.

    python (Path): The new environment's interpreter, of this interpreter's version.
    folder (Path): The folder to fill; made new.
    without (Iterable[str]): Distributions to leave out.
    """
    hidden = {name for dist in without for name in _top_level(dist)}
    folder.mkdir()
    for site in _site_folders():
        for item in sorted(site.iterdir()):
            skip = item.name in hidden or item.name.startswith("__editable__")
            if not skip and not (folder / item.name).exists():
                (folder / item.name).symlink_to(item, target_is_directory=item.is_dir())
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    purelib = Path(_run([str(python), "-I", "-c", code]).strip())
    (purelib / "lent.pth").write_text(f"{folder}\n", "utf8")


def _top_level(dist: str) -> set[str]:
    names = {dist, f"{dist}.py"}
    for found in importlib.metadata.distributions(name=dist):
        names |= {file.parts[0] for file in found.files or []}
        names.add(f"{found.name}-{found.version}.dist-info")
    return names


def _site_folders() -> list[Path]:
    paths = [Path(path) for path in sys.path]
    return [p for p in paths if p.name in ("site-packages", "dist-packages") and p.is_dir()]


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf8", errors="replace", check=True
    )
    return done.stdout


def _tail(err: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(err, subprocess.CalledProcessError):
        return (err.stderr or err.stdout).strip()[-2000:]
    return str(err)
