"""The config of a pipeline that predicts without importing spacy-transformers."""

from __future__ import annotations

import copy
from typing import Any

ENCODER = "xinzhi.Encoder.v1"
LIGHT_FACTORY = "xinzhi_encoder"
LISTENERS = "spacy-transformers.TransformerListener."
FOREIGN = "spacy-transformers."


def lightened(components: dict[str, Any]) -> dict[str, Any] | None:
    """Replace the `transformer` component, if it has our encoder, and its listeners.

    components (dict[str, Any]): The section [components] of a config, not interpolated.
    RETURNS (dict[str, Any] | None): The new section; None if spacy-transformers is needed.
    """
    light = copy.deepcopy(components)
    for section in light.values():
        model = section.get("model", {})
        if section.get("factory") == "transformer" and _is_ours(model.get("@architectures", "")):
            section.clear()
            section.update({"factory": LIGHT_FACTORY, "model": model})
        _replace_listeners(section)
    changed = light != components
    return light if changed and not _names(light, FOREIGN) else None


def _is_ours(name: str) -> bool:
    """RETURNS (bool): Whether it is our encoder; inside a wheel its name has a prefix, and the
    wheel need not carry what this needs."""
    return name == ENCODER


def _replace_listeners(section: dict[str, Any]) -> None:
    for value in section.values():
        if not isinstance(value, dict):
            continue
        if str(value.get("@architectures", "")).startswith(LISTENERS):
            pooling = value["pooling"]
            value.clear()
            value.update({"@architectures": "xinzhi.EncodedTokens.v1", "pooling": pooling})
        _replace_listeners(value)


def _names(section: dict[str, Any], prefix: str) -> bool:
    """RETURNS (bool): Whether a registered name with this prefix occurs."""
    return any(
        _names(value, prefix) if isinstance(value, dict) else str(value).startswith(prefix)
        for value in section.values()
    )
