"""Only the default config of the component names this one."""

from spacy.util import registry


@registry.misc("fakelib.Weight.v1")
def weight_v1(value: float) -> float:
    return value
