from spacy.util import registry


@registry.misc("fakelib.Undeclared.v1")
def undeclared_v1() -> int:
    return 1
