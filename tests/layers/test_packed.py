from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from xinzhi.layers.packed import pack

CPU = torch.device("cpu")


@pytest.mark.parametrize("lengths", [[3], [1, 4, 2], [2, 0, 2], [0, 0], [], [5, 5, 1, 0, 7]])
def test_orders_are_inverse(lengths):
    batch = pack(np.array(lengths, dtype=np.int64), CPU)
    flat = torch.arange(sum(lengths))
    assert flat[batch.to_packed][batch.to_flat].tolist() == flat.tolist()
    assert batch.n_docs == sum(n > 0 for n in lengths)
    assert sum(batch.sizes) == sum(lengths)


def test_agrees_with_pytorch():
    docs = [torch.arange(3), torch.arange(10, 15), torch.arange(20, 22)]
    batch = pack(np.array([3, 5, 2]), CPU)
    theirs = pack_sequence(docs, enforce_sorted=False)
    assert torch.cat(docs)[batch.to_packed].tolist() == theirs.data.tolist()
    assert batch.sizes == theirs.batch_sizes.tolist()
    assert batch.to_packed[batch.last].tolist() == [2, 7, 9]
    assert batch.doc.tolist() == [1, 0, 2, 1, 0, 2, 1, 0, 1, 1]
