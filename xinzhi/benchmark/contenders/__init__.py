"""Who takes part: one file per contender. A further one is a copied file and a line here."""

from __future__ import annotations

from . import hugging_face, ours, stock
from .base import Contender

CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (stock.CONTENDER, ours.CONTENDER, hugging_face.CONTENDER)
}
