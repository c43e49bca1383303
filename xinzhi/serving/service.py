"""The parts of a running service, put together, and its life from start to drain."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ..errors import XinzhiError
from .dashboard import Dashboard
from .devices import claim_gpu
from .drain import drain_before_shutdown
from .engine import Engine
from .indexes import knowledge_base, shelf
from .inference import prepare_thread
from .keys import ANYONE, Caller, Keyring
from .manifest import Manifest
from .metrics import Metrics, forget_dead_workers
from .models import LoadedModel
from .problems import Problem
from .runtime import runtime_folder
from .settings import ServeSettings
from .store import ModelStore

if TYPE_CHECKING:
    from .frontdesk import FrontDesk

logger = logging.getLogger("xinzhi.serving")


class Service:
    """Everything that the endpoints of one worker share.

    settings (ServeSettings): The settings.
    """

    def __init__(self, settings: ServeSettings) -> None:
        if not any((settings.models, settings.faq, settings.monitor, settings.recommend)):
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
        self.knowledge = knowledge_base(settings.faq, settings) if settings.faq else None
        self.shelf = shelf(settings.recommend, settings) if settings.recommend else None
        self.desk = self._front_desk()
        self.dashboard = Dashboard(settings.monitor, settings) if settings.monitor else None
        self.draining = False
        self.ready = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models and serve until the block ends; then what was accepted is finished."""
        forget_dead_workers()
        await self.store.load_all()
        for index in (self.knowledge, self.shelf):
            if index:
                await index.load()
        self.engine.start(worker_threads(self.settings))
        watch = asyncio.ensure_future(
            self.store.watch(self.settings.watch_seconds, self.settings.renew_after_texts)
        )
        try:
            if self.desk:
                await self.desk.load()
            drain_before_shutdown(self)
            self.ready = True
            yield
        finally:
            self.ready = False
            watch.cancel()
            await self.engine.stop()
            for application in (self.knowledge, self.shelf, self.dashboard):
                if application:
                    application.stop()

    def administrator(self, caller: Caller, model: str) -> None:
        """RAISES (Problem): 403 unless the caller may change versions of that model."""
        if not caller.admin:
            raise Problem(403, "not_admin", "Only a key with admin = true may do this.")
        self.model(model, caller)

    def applications(self, caller: Caller) -> list[str]:
        """RETURNS (list): The applications that are served, and open to the caller."""
        served: dict[str, object] = {"faq": self.knowledge, "monitor": self.dashboard}
        served |= {"desk": self.desk, "recommend": self.shelf}
        return [name for name, found in served.items() if found and caller.may_open(name)]

    def _front_desk(self) -> FrontDesk | None:
        if self.settings.desk is None or self.knowledge is None:
            return None
        from .frontdesk import FrontDesk  # it loads torch

        return FrontDesk(self.settings.desk, self.engine, self._desk_model, self.knowledge)

    def _desk_model(self) -> LoadedModel | None:
        """RETURNS (LoadedModel): What reads for customer service, whoever asks."""
        if not self.settings.models:
            return None
        return self.store.get(self.settings.desk_model, ANYONE)

    def model(self, name: str | None, caller: Caller) -> LoadedModel:
        """RETURNS (LoadedModel): See `ModelStore.get`."""
        return self.store.get(name, caller)


def worker_threads(settings: ServeSettings) -> int:
    """RETURNS (int): Threads of a worker's arithmetic; 0: as the libraries choose."""
    if settings.threads or settings.workers == 1:
        return settings.threads
    return max(1, (os.cpu_count() or 1) // settings.workers)
