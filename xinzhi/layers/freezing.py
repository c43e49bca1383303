"""Which layers of an encoder learn, and how fast: freezing, gradual unfreezing, decay by layer.

Depth 0 is the embedding, depth n the n-th layer from the input; what follows the layers has the
depth of the last one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LAYER = re.compile(r"(?:^|\.)(?:layers?|blocks?|h)\.(\d+)\.")


@dataclass(frozen=True)
class LayerPolicy:
    """How the layers of the encoder take part in training.

    frozen_layers (int): The embedding and so many layers above it do not learn; 0: all learn.
        What is frozen costs neither a backward pass nor a step of the optimizer.
    unfreeze_every (int): Free one more of the frozen layers after so many updates, the topmost
        first, the embedding last (gradual unfreezing, Howard and Ruder 2018, section 3.3);
        0: never.
    layer_decay (float): Each layer learns at this multiple of the rate of the layer above it
        (discriminative fine-tuning, same paper, section 3.2); 1.0: all alike.
    """

    frozen_layers: int = 0
    unfreeze_every: int = 0
    layer_decay: float = 1.0

    def first_learning(self, updates: int) -> int:
        """RETURNS (int): The lowest depth that learns after so many updates."""
        frozen = self.frozen_layers + 1 if self.frozen_layers else 0
        if self.unfreeze_every:
            frozen -= updates // self.unfreeze_every
        return max(0, frozen)

    def rate(self, depth: int, top: int) -> float:
        """RETURNS (float): Factor on the learning rate at a depth; 1.0 at the top."""
        return self.layer_decay ** (top - depth)


def depths(names: Iterable[str]) -> dict[str, int]:
    """The depth of every weight of an encoder, from its name.

    names (Iterable[str]): As from `named_parameters`, in the order of the module.
    RETURNS (dict[str, int]): Name to depth. What comes before the first layer has depth 0.
    """
    found: dict[str, int] = {}
    current = 0
    for name in names:
        match = LAYER.search(name)
        current = int(match.group(1)) + 1 if match else current
        found[name] = current if match or "embed" not in name else 0
    return found
