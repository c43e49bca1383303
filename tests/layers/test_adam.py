import numpy as np
import pytest
import torch
from thinc.api import SGD, Adam, RAdam

from xinzhi.layers.adam import clip, is_adamw, step

SETTINGS = {"L2": 0.01, "grad_clip": 1.0, "use_averages": False, "L2_is_weight_decay": True}


def weights(seed=0, shapes=((4, 3), (3,))):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def gradient(step_number, weight):
    """Large in the first steps, so that it is clipped, then small."""
    generator = torch.Generator().manual_seed(step_number)
    return torch.randn(weight.shape, generator=generator) * 10.0 ** (1 - step_number)


@pytest.mark.parametrize("lr_scale", [1.0, 0.1])
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_equals_thinc(lr_scale, l2):
    ours, theirs = (Adam(0.01, **{**SETTINGS, "L2": l2}) for _ in range(2))
    mine, reference = weights(), [w.detach().numpy().copy() for w in weights()]
    for number in range(5):
        for i, weight in enumerate(mine):
            weight.grad = gradient(number, weight)
            reference[i], _ = theirs(
                (1, str(i)), reference[i], weight.grad.numpy().copy(), lr_scale=lr_scale
            )
        step(ours, [((1, str(i)), w) for i, w in enumerate(mine)], lr_scale)
    for weight, expected in zip(mine, reference, strict=True):
        assert weight.grad is None
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-4, atol=1e-6)
    assert ours.nr_update == theirs.nr_update
    for key, moment in theirs.mom2.items():
        np.testing.assert_allclose(ours.mom2[key], moment, rtol=1e-4)


def test_weights_without_a_gradient_stay():
    weight = weights()[0]
    before = weight.detach().clone()
    optimizer = Adam(0.01, **SETTINGS)
    step(optimizer, [((1, "a"), weight)])
    assert torch.equal(weight, before)
    assert not optimizer.nr_update


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.01, use_averages=False),
        RAdam(0.01, use_averages=False),
        Adam(0.01, use_averages=True),
        Adam(0.01, L2=0.1, L2_is_weight_decay=False, use_averages=False),
    ],
)
def test_other_optimizers_step_themselves(optimizer):
    assert not is_adamw(optimizer)
    weight = weights()[0]
    before = weight.detach().clone()
    weight.grad = torch.ones_like(weight)
    step(optimizer, [((1, "a"), weight)])
    assert weight.grad is None
    assert (weight < before).all()


@pytest.mark.parametrize(("longest", "norm"), [(0.0, 5.0), (1.0, 1.0), (5.0, 5.0), (6.0, 5.0)])
def test_clip(longest, norm):
    gradient = torch.tensor([3.0, 4.0])
    clip(gradient, longest)
    assert gradient.norm().item() == pytest.approx(norm)
