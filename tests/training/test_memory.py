from __future__ import annotations

import platform

import pytest

from xinzhi.training.memory import return_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc only")
def test_glibc_takes_the_thresholds() -> None:
    assert return_freed_memory() is True
