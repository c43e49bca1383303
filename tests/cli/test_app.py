"""What every command shares: one message when the disk refuses, wherever that happens."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xinzhi.cli import app


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_one_message(
    code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code), "模型/config.cfg")

    monkeypatch.setattr("xinzhi.corpora.check.check", refuse)
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 1
    first, second = result.output.splitlines()
    assert first == f"✘ 模型/config.cfg: {os.strerror(code)}."
    assert second == "  Free some space, or name a place you may use."


def test_any_other_system_error_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ECHILD, "No child processes")

    monkeypatch.setattr("xinzhi.corpora.check.check", fail)
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert isinstance(result.exception, OSError)
