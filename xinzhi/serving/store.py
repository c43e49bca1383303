"""Which models are served, in which version, and how a version is replaced while serving."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import XinzhiError
from .keys import Caller
from .manifest import Manifest
from .metrics import Metrics
from .models import LoadedModel, load_model
from .problems import Problem
from .sources import Located, Source

logger = logging.getLogger("xinzhi.serving")


class ModelStore:
    """The models of a service.

    sources (dict): Name -> path, see `Source`.
    default (str): The model of requests that name none; None: the first the caller may use.
    manifest (Manifest): Says which version of each model to serve. Every worker follows it, so to
        change a version is to write it.
    metrics (Metrics): What is counted.
    prepare (Callable): Called in the thread that loads: the device.
    precision (str): What encoders compute in; None: as each model says.
    """

    def __init__(
        self,
        sources: dict[str, str],
        default: str | None,
        manifest: Manifest,
        metrics: Metrics,
        prepare: Callable[[], None],
        precision: str | None = None,
    ) -> None:
        self.sources = {name: Source(name, path) for name, path in sources.items()}
        self._default = default
        self._manifest = manifest
        self._metrics = metrics
        self._prepare = prepare
        self._precision = precision
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._changing = asyncio.Lock()
        self._active: dict[str, LoadedModel] = {}
        self._located: dict[str, Located] = {}
        self._refused: dict[str, tuple[Any, ...]] = {}

    async def load_all(self) -> None:
        """Load every model.

        RAISES (XinzhiError): If one cannot be served.
        """
        for name, source in self.sources.items():
            await self._load(name, source.locate(self._manifest.version(name)))
        # A full collection over loaded pipelines takes a fifth of a second, and everybody waits.
        gc.collect()
        gc.freeze()

    def get(self, name: str | None, caller: Caller) -> LoadedModel:
        """RETURNS (LoadedModel): The version that is served now.

        RAISES (Problem): 403 if the caller's key does not open it, 404 if there is none.
        """
        if name is None:
            name = self._default_for(caller)
        if not caller.may_use(name):
            raise Problem(403, "model_forbidden", "This key does not open that model.")
        if name not in self._active:
            raise Problem(
                404, "unknown_model", "There is no model of that name; GET /v1/models lists them."
            )
        return self._active[name]

    def _default_for(self, caller: Caller) -> str:
        if self._default is not None and caller.may_use(self._default):
            return self._default
        return next((name for name in self.sources if caller.may_use(name)), "")

    def listing(self, caller: Caller) -> list[dict[str, Any]]:
        """RETURNS (list): name, version and available versions of the caller's models."""
        return [
            {**model.label, "versions": self.versions(name)}
            for name, model in self._active.items()
            if caller.may_use(name)
        ]

    def versions(self, name: str) -> list[str]:
        """RETURNS (list): The versions of a model that could be served."""
        return list(self.sources[name].versions()) or [self._active[name].version]

    async def change(self, name: str, version: str) -> LoadedModel:
        """Serve another version: here at once, in the other workers when they look.

        name (str): A model that is served.
        version (str): The version.
        RETURNS (LoadedModel): The new version, loaded and tried.
        RAISES (Problem): 404 without such a version; 409 if it cannot be served.
        """
        if version not in self.versions(name):
            raise Problem(
                404, "unknown_version", "There is no such version.", known=self.versions(name)
            )
        async with self._changing:
            previous = self._active[name].version
            if version != previous:
                try:
                    await self._load(name, self.sources[name].locate(version))
                    self._manifest.write(name, version, previous)
                except XinzhiError as err:
                    _log_refusal(err)
                    raise Problem(
                        409, "version_refused", "It cannot be served; the log says why."
                    ) from err
        return self._active[name]

    async def roll_back(self, name: str) -> LoadedModel:
        """Serve the version that was served before the last change.

        name (str): A model that is served.
        RETURNS (LoadedModel): That version.
        RAISES (Problem): 409 if there was no change.
        """
        previous = self._manifest.previous(name)
        if previous is None:
            raise Problem(409, "no_previous_version", "This model has not been changed.")
        return await self.change(name, previous)

    async def watch(self, seconds: float, renew_after: int) -> None:
        """Follow the manifest, and links that are pointed elsewhere, for ever.

        seconds (float): How often to look.
        renew_after (int): Load a model anew after so many texts; 0: never.
        """
        while True:
            await asyncio.sleep(seconds)
            for name in self.sources:
                async with self._changing:
                    await self._follow(name, renew_after)

    async def _follow(self, name: str, renew_after: int) -> None:
        """Load what the manifest and the file system name now; what was refused once is not tried
        again until one of them changes."""
        source = self.sources[name]
        stamp: tuple[Any, ...] = (self._manifest.stamp(), source.target())
        if stamp == self._refused.get(name):
            return
        try:
            version = self._manifest.version(name)
            located = self._located[name]
            if version is not None or not source.versions():
                located = source.locate(version)
            if located != self._located[name] or 0 < renew_after <= self._active[name].texts:
                await self._load(name, located)
        except XinzhiError as err:
            self._refused[name] = stamp
            _log_refusal(err)

    def _load_here(self, name: str, located: Located) -> LoadedModel:
        self._prepare()
        return load_model(name, located.path, located.version, self._precision)

    async def _load(self, name: str, located: Located) -> None:
        loop = asyncio.get_running_loop()
        try:
            model = await loop.run_in_executor(self._loader, self._load_here, name, located)
        except XinzhiError:
            self._metrics.changes.labels(name, "refused").inc()
            raise
        old = self._active.get(name)
        if old:
            gc.unfreeze()  # or it would never be collected
        self._active[name], self._located[name] = model, located
        self._metrics.changes.labels(name, "done").inc()
        facts = {"model": model.label, "replaces": old.version if old else None}
        logger.info("a model was loaded", extra={"facts": facts})


def _log_refusal(err: XinzhiError) -> None:
    logger.error("a version was refused", extra={"facts": {"reason": err.fact}})
