"""How to train further, and what a candidate has to prove."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import XinzhiError
from ..ranges import check_range

METHODS = ("herding", "reservoir")


@dataclass(frozen=True)
class Options:
    """The settings of an update.

    replay_size (int): Most old texts to train on again.
    replay_method (str): "herding" (texts near the mean of their label, Rebuffi et al. 2017) or
        "reservoir" (a uniform sample, Vitter 1985).
    annotates (tuple): The only entity labels that the new texts were searched for; empty: all.
    trust (float): From this confidence on, an entity that the old pipeline finds stands in for
        annotation that is missing.
    distillation (float): Weight of the distance from the old encoder's vectors; 0: none.
    epochs (int): Passes over the training texts.
    learn_rate (float | None): Highest rate of the heads; None: 0.0015, or 0.00002 for a pipeline
        with a transformer that is not `xinzhi.Encoder.v1`.
    encoder_scale (float): The encoder learns at this multiple of that.
    frozen_layers (int): So many lower layers of the encoder do not learn; 0: all learn.
    hold_out (float): Share of the texts that is kept for the gate if no test texts are given.
    margin (float): By how much the F-score of an old label may fall.
    alpha (float): A new label has improved if the corrected p-value is below this.
    resamples (int): Random swaps of the paired test.
    seed (int): Of all random numbers.
    """

    replay_size: int = 1000
    replay_method: str = "herding"
    annotates: tuple[str, ...] = ()
    trust: float = 0.9
    distillation: float = 1.0
    epochs: int = 6
    learn_rate: float | None = None
    encoder_scale: float = 0.1
    frozen_layers: int = 0
    hold_out: float = 0.2
    margin: float = 0.02
    alpha: float = 0.05
    resamples: int = 9999
    seed: int = 0

    def __post_init__(self) -> None:
        if self.replay_method not in METHODS:
            raise XinzhiError(
                f"There is no replay method '{self.replay_method}'.",
                f"Use one of {', '.join(METHODS)}.",
            )
        check_range("replay size", self.replay_size, 0)
        check_range("trust", self.trust, 0.0, 1.0)
        check_range("distillation", self.distillation, 0.0)
        check_range("epochs", self.epochs, 1)
        check_range("learn rate", self.learn_rate or 1.0, 1e-9, 1.0)
        check_range("encoder scale", self.encoder_scale, 1e-9, 1.0)
        check_range("frozen layers", self.frozen_layers, 0)
        check_range("hold out", self.hold_out, 0.01, 0.9)
        check_range("margin", self.margin, 0.0, 1.0)
        check_range("alpha", self.alpha, 1e-9, 1.0)
