"""One version of one model, loaded: what it can do, and what a request may ask of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import spacy
from spacy.language import Language
from thinc.api import Model

from ..compat import installed_versions
from ..errors import XinzhiError
from ..head_keys import split_key
from ..provenance import DISTRIBUTIONS
from .problems import Problem

META = ("lang", "description", "author", "license", "url", "spacy_version", "performance")
THRESHOLDS = ("threshold", "abstain_below", "abstain_margin")
ALTERNATIVES = 3
ENCODER = "xinzhi_encoder"
SAMPLE = "智慧城市 Smart city."


@dataclass(eq=False)
class LoadedModel:
    """A pipeline in memory. Requests that were accepted with it are answered by it, even if it is
    replaced meanwhile.

    name (str): Its name in the service.
    version (str): Its version.
    nlp (Language): The pipeline.
    heads (frozenset): Names of its classification heads.
    encoder (str): Name of the component with our encoder; None: it has none.
    texts (int): How many texts it has processed.
    """

    name: str
    version: str
    nlp: Language
    heads: frozenset[str]
    encoder: str | None
    texts: int = 0

    @property
    def label(self) -> dict[str, str]:
        """RETURNS (dict): name and version, as every answer states them."""
        return {"name": self.name, "version": self.version}

    def disabled(self, components: Iterable[str] | None) -> tuple[str, ...]:
        """Find out what not to run.

        components (Iterable): What a caller wants to run; None: all.
        RETURNS (tuple): The other components, but never the encoder of a wanted one.
        RAISES (Problem): 422 for a component that does not exist.
        """
        if components is None:
            return ()
        wanted = set(components)
        self._check("components", wanted, self.nlp.pipe_names)
        for name, pipe in self.nlp.pipeline:
            if wanted.intersection(getattr(pipe, "listening_components", ())):
                wanted.add(name)
        return tuple(name for name in self.nlp.pipe_names if name not in wanted)

    def check_heads(self, heads: Iterable[str] | None) -> frozenset[str] | None:
        """RETURNS (frozenset): The heads.

        RAISES (Problem): 422 for a head that does not exist.
        """
        if heads is None:
            return None
        self._check("heads", set(heads), self.heads)
        return frozenset(heads)

    def _check(self, member: str, wanted: set[str], known: Iterable[str]) -> None:
        names = sorted(known)
        if not wanted <= set(names):
            raise Problem(
                422,
                f"unknown_{member}",
                f"{member} names something that model '{self.name}' does not have.",
                known=names,
            )

    def describe(self) -> dict[str, Any]:
        """RETURNS (dict): What `GET /v1/model` says of it."""
        meta = self.nlp.meta
        return {
            "model": self.label,
            "meta": {key: meta[key] for key in META if meta.get(key)},
            "components": list(self.nlp.pipe_names),
            "labels": {name: labels for name, labels in self.nlp.pipe_labels.items() if labels},
            "heads": {name: sorted_labels(self.nlp, name) for name in sorted(self.heads)},
            "thresholds": thresholds(self.nlp),
            "similar": self.encoder is not None,
            "libraries": installed_versions(("xinzhi", *DISTRIBUTIONS)),
        }


def load_model(
    name: str, source: str, version: str | None, precision: str | None = None
) -> LoadedModel:
    """Load a pipeline and run it once.

    name (str): Its name in the service.
    source (str): Its folder, or the name of an installed package.
    version (str): Its version; None: as its meta says.
    precision (str): What its encoders compute in; None: as it says.
    RETURNS (LoadedModel): The model.
    RAISES (XinzhiError): If it cannot be loaded, or fails on a plain sentence.
    """
    try:
        nlp = spacy.load(source)
        offer_alternatives(nlp)
        if precision is not None:
            set_precision(nlp, precision)
        with nlp.memory_zone():
            for doc in nlp.pipe([SAMPLE, ""]):
                assert doc.text is not None
    except Exception as err:
        raise XinzhiError(
            f"Model '{name}': {source} cannot be served: {type(err).__name__}: {err}",
            "Check that `spacy.load` opens it in this environment, and run it on a text.",
        ) from err
    known = version or nlp.meta.get("version", "0.0.0")
    return LoadedModel(name, known, nlp, frozenset(head_names(nlp)), find_encoder(nlp))


def offer_alternatives(nlp: Language) -> None:
    """Let components that can tell next-best labels of entities do so."""
    for _, pipe in nlp.pipeline:
        if isinstance(getattr(pipe, "alternatives", None), int):
            pipe.alternatives = max(pipe.alternatives, ALTERNATIVES)  # type: ignore[attr-defined]


def set_precision(nlp: Language, precision: str) -> None:
    """Have every encoder of ours predict in that precision, see `xinzhi.Encoder.v1`."""
    for _, pipe in nlp.pipeline:
        model = getattr(pipe, "model", None)
        for node in model.walk() if isinstance(model, Model) else ():
            for shim in node.shims:
                if hasattr(shim, "predict_precision"):
                    shim.predict_precision = precision


def find_encoder(nlp: Language) -> str | None:
    """RETURNS (str): The component that holds our shared encoder; None if there is none."""
    for name, pipe in nlp.pipeline:
        if getattr(getattr(pipe, "model", None), "name", "") == ENCODER:
            return name
    return None


def head_names(nlp: Language) -> set[str]:
    """RETURNS (set): The heads of all labels of the form "head/label"."""
    labels = (label for all_labels in nlp.pipe_labels.values() for label in all_labels)
    return {split_key(label)[0] for label in labels if isinstance(label, str)} - {""}


def sorted_labels(nlp: Language, head: str) -> list[str]:
    """RETURNS (list): The labels of a head."""
    pairs = [split_key(label) for labels in nlp.pipe_labels.values() for label in labels]
    return sorted({label for name, label in pairs if name == head})


def thresholds(nlp: Language) -> dict[str, Any]:
    """RETURNS (dict): component -> its thresholds, those set by `xinzhi calibrate` too."""
    found: dict[str, Any] = {}
    for name, pipe in nlp.pipeline:
        values: dict[str, Any] = {
            key: getattr(pipe, key)
            for key in THRESHOLDS
            if isinstance(getattr(pipe, key, None), (int, float))
        }
        cfg = getattr(pipe, "cfg", None)
        if isinstance(cfg, dict):
            if isinstance(cfg.get("threshold"), (int, float)):
                values["threshold"] = cfg["threshold"]
            if cfg.get("calibration"):
                values["calibration"] = json.loads(json.dumps(cfg["calibration"]))
        if values:
            found[name] = values
    return found
