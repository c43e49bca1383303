"""Running the application: one process, or a supervisor with several."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from .app import create_app
from .logs import log_config
from .service import runtime_folder
from .settings import ServeSettings

WORKER_ANSWERS_WITHIN = 60  # seconds; loading a model holds the interpreter for a while


def serve(settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT.

    settings (ServeSettings): The settings.
    RAISES (XinzhiError): If there is nothing to serve.
    """
    folder = runtime_folder()
    try:
        config = uvicorn_config(settings)
        if settings.workers == 1:
            uvicorn.Server(config).run()
        else:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
            Multiprocess(config, sockets=[config.bind_socket()]).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def uvicorn_config(settings: ServeSettings) -> uvicorn.Config:
    """RETURNS (Config): The settings of the server."""
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "log_config": log_config(settings.log_level),
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": settings.shutdown_seconds,
        "timeout_worker_healthcheck": WORKER_ANSWERS_WITHIN,
    }
    return uvicorn.Config(partial(create_app, settings), factory=True, **options)
