import pytest
import spacy
from spacy.training import Example
from spacy.util import registry

from xinzhi.errors import XinzhiError
from xinzhi.training.pieces import PieceCounter


def examples(texts):
    nlp = spacy.blank("zh")
    return [Example.from_dict(nlp.make_doc(text), {}) for text in texts]


def test_batches_hold_at_most_so_many_padded_pieces(tiny_encoder):
    encoder = str(tiny_encoder("wordpiece"))
    batcher = registry.batchers.get("xinzhi.BatchByPieces.v1")(encoder, size=40, buffer=100)
    data = examples(["城市大脑" * n for n in range(1, 12)] + ["smart city platform"] * 5)
    batches = list(batcher(data))
    count = PieceCounter(encoder)
    assert sorted(id(e) for b in batches for e in b) == sorted(id(e) for e in data)
    for batch in batches:
        assert len(batch) == 1 or max(map(count, batch)) * len(batch) <= 40
    assert len(batches) < len(data)


def test_oversize_is_kept_or_discarded(tiny_encoder):
    encoder, data = str(tiny_encoder("wordpiece")), examples(["城市" * 50, "城市"])
    make = registry.batchers.get("xinzhi.BatchByPieces.v1")
    assert sum(len(b) for b in make(encoder, size=10)(data)) == 2
    assert sum(len(b) for b in make(encoder, size=10, discard_oversize=True)(data)) == 1


@pytest.mark.parametrize("settings", [{"size": 0}, {"size": 10, "buffer": 0}])
def test_settings_out_of_range(settings):
    with pytest.raises(XinzhiError, match="is not valid"):
        registry.batchers.get("xinzhi.BatchByPieces.v1")("e5-small", **settings)
