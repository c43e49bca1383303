"""Running the application: one process, or a supervisor with several."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from functools import partial
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from ..apps.monitor.database import open_database
from ..apps.settings_file import read_yaml
from ..errors import XinzhiError
from .indexes import ABOUT, DATABASE
from .logs import log_config
from .manifest import Manifest
from .protocol import BoundedHttp
from .runtime import runtime_folder
from .settings import ServeSettings
from .sources import Source

WORKER_ANSWERS_WITHIN = 30  # seconds; else it hangs and is replaced
SPREADS = sys.platform == "linux"


def serve(settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT.

    settings (ServeSettings): The settings.
    RAISES (XinzhiError): If there is nothing to serve.
    """
    find_models(settings)
    folder = runtime_folder()
    try:
        config = uvicorn_config(settings)
        if settings.workers == 1:
            uvicorn.Server(config).run()
        else:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
            supervisor = Supervisor(config)
            supervisor.run()
            supervisor.check()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_models(settings: ServeSettings) -> None:
    """Better known before any worker starts.

    RAISES (XinzhiError): If a model, or what an application needs, is not there.
    """
    manifest = Manifest(settings.manifest) if settings.manifest else None
    for name, path in settings.models.items():
        Source(name, path).locate(manifest.version(name) if manifest else None)
    if settings.faq and not (settings.faq / DATABASE).is_file():
        raise XinzhiError(f"There is no index {settings.faq}.", "Make one: xinzhi faq build")
    if settings.desk:
        read_yaml(settings.desk)
    if settings.recommend and not (settings.recommend / ABOUT).is_file():
        raise XinzhiError(
            f"There is no recommender {settings.recommend}.", "Make one: xinzhi recommend train"
        )
    if settings.monitor:
        with open_database(settings.monitor):
            pass


class Supervisor(Multiprocess):
    """Starts the workers, replaces those that die or hang, passes SIGTERM on.

    Of a socket that all share, the worker that wakes first takes all connections that wait, and
    keeps them. Where the system spreads connections over several sockets of one address, every
    worker gets a socket of its own, which closes with it.

    config (Config): The settings of the server.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        self._held = [config.bind_socket()]  # ends the process if the address is taken
        self._family, self._address = self._held[0].family, self._held[0].getsockname()
        if SPREADS:
            self._let_go()
        super().__init__(config, [])

    @property
    def sockets(self) -> list[socket.socket]:
        """RETURNS (list): What the next worker listens to."""
        if not SPREADS:
            return self._held
        self._let_go()
        self._held.append(socket.socket(self._family))
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            self._held[0].setsockopt(socket.SOL_SOCKET, option, 1)
        self._held[0].bind(self._address)
        return list(self._held)

    @sockets.setter
    def sockets(self, _: list[socket.socket]) -> None:
        """uvicorn sets it once, for all workers."""

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have died or hang."""
        if SPREADS:
            self._let_go()
        super().keep_subprocess_alive()

    def terminate_all(self) -> None:
        """Pass SIGTERM on; from then on only the workers hold the socket, until they close it."""
        super().terminate_all()
        self._let_go()

    def _let_go(self) -> None:
        for held in self._held:
            held.close()
        self._held.clear()

    def check(self) -> None:
        """RAISES (XinzhiError): If a worker could not start."""
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise XinzhiError("A worker could not start.", "The log says why.")


def make_app(settings: ServeSettings) -> Any:
    """The import is here so that a new worker answers its supervisor while it still imports.

    settings (ServeSettings): The settings.
    RETURNS (FastAPI): The application.
    """
    from .app import create_app

    return create_app(settings)


def uvicorn_config(settings: ServeSettings) -> uvicorn.Config:
    """RETURNS (Config): The settings of the server."""
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "http": BoundedHttp,
        "ws": "none",
        "log_config": log_config(settings.log_level),
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": settings.shutdown_seconds,
        "timeout_worker_healthcheck": WORKER_ANSWERS_WITHIN,
    }
    return uvicorn.Config(partial(make_app, settings), factory=True, **options)
