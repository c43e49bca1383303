"""Stopping without losing a request."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from .service import Service

LINGER_SECONDS = 8.0  # for connections not read yet; uvicorn closes idle ones after 5
LOOK_EVERY = 0.05


def drain_before_shutdown(service: Service) -> None:
    """Put a drain before what uvicorn does on SIGTERM.

    Uvicorn alone closes connections whose request it has not read yet. So: first (`drain_seconds`)
    the service goes on, but says that it is not ready and closes each connection after its answer,
    and clients and balancers go elsewhere; then it accepts no connection; then those that are left
    are read and answered; then uvicorn takes over. SIGINT does not wait.

    service (Service): The service; its `draining` is set.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # only a main thread gets signals
    stop = signal.getsignal(signal.SIGTERM)
    server = getattr(stop, "__self__", None)
    if not isinstance(server, uvicorn.Server) or not callable(stop):
        return
    loop = asyncio.get_running_loop()

    def drain(number: int, frame: Any) -> None:
        if service.draining:
            return  # a process manager may signal the workers too, not only their parent
        service.draining = True
        steps = _drain(server, service.settings.drain_seconds)
        loop.call_soon_threadsafe(_start, steps, lambda: stop(number, frame))

    signal.signal(signal.SIGTERM, drain)


def _start(steps: Any, then: Any) -> None:
    asyncio.ensure_future(steps).add_done_callback(lambda task: then())


async def _drain(server: uvicorn.Server, seconds: float) -> None:
    await asyncio.sleep(seconds)
    for listener in server.servers:
        listener.close()
    end = time.monotonic() + LINGER_SECONDS
    while server.server_state.connections and time.monotonic() < end:
        await asyncio.sleep(LOOK_EVERY)
