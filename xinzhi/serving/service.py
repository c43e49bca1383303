"""The parts of a running service, put together, and its life from start to drain."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import XinzhiError
from .dashboard import Dashboard
from .devices import claim_gpu
from .drain import drain_before_shutdown
from .engine import Engine
from .inference import prepare_thread
from .keys import Caller, Keyring
from .knowledge import Knowledge
from .manifest import Manifest
from .metrics import Metrics, forget_dead_workers
from .models import LoadedModel
from .problems import Problem
from .runtime import runtime_folder
from .settings import ServeSettings
from .store import ModelStore

logger = logging.getLogger("xinzhi.serving")


class Service:
    """Everything that the endpoints of one worker share.

    settings (ServeSettings): The settings.
    """

    def __init__(self, settings: ServeSettings) -> None:
        if not (settings.models or settings.faq or settings.monitor):
            raise XinzhiError(
                "There is no model to serve.", "Name a pipeline: xinzhi serve PIPELINE"
            )
        self.settings = settings
        self.keys = Keyring(settings.keys)
        self.metrics = Metrics()
        self.gpu_id = claim_gpu(settings.gpu_ids, runtime_folder())
        self.engine = Engine(settings, self.metrics, self.gpu_id)
        self.store = ModelStore(
            settings.models,
            settings.default_model,
            Manifest(settings.manifest or runtime_folder() / "manifest.json"),
            self.metrics,
            lambda: prepare_thread(self.gpu_id, 0),
            settings.precision,
        )
        self.knowledge = Knowledge(settings.faq, settings) if settings.faq else None
        self.dashboard = Dashboard(settings.monitor, settings) if settings.monitor else None
        self.draining = False
        self.ready = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models and serve until the block ends; then what was accepted is finished."""
        forget_dead_workers()
        await self.store.load_all()
        if self.knowledge:
            await self.knowledge.load()
        self.engine.start(worker_threads(self.settings))
        watch = asyncio.ensure_future(
            self.store.watch(self.settings.watch_seconds, self.settings.renew_after_texts)
        )
        drain_before_shutdown(self)
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            watch.cancel()
            await self.engine.stop()
            for application in (self.knowledge, self.dashboard):
                if application:
                    application.stop()

    def administrator(self, caller: Caller, model: str) -> None:
        """RAISES (Problem): 403 unless the caller may change versions of that model."""
        if not caller.admin:
            raise Problem(403, "not_admin", "Only a key with admin = true may do this.")
        self.model(model, caller)

    def applications(self, caller: Caller) -> list[str]:
        """RETURNS (list): The applications that are served, and open to the caller."""
        served = {"faq": self.knowledge, "monitor": self.dashboard}
        return [name for name, found in served.items() if found and caller.may_open(name)]

    def model(self, name: str | None, caller: Caller) -> LoadedModel:
        """RETURNS (LoadedModel): See `ModelStore.get`."""
        return self.store.get(name, caller)


def worker_threads(settings: ServeSettings) -> int:
    """RETURNS (int): Threads of a worker's arithmetic; 0: as the libraries choose."""
    if settings.threads or settings.workers == 1:
        return settings.threads
    return max(1, (os.cpu_count() or 1) // settings.workers)
