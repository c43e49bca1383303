"""Thinc's Adam for the weights of a torch module, in one fused torch operation.

Thinc's own step goes over each weight several times on one thread; on CPU the fused one takes about
a third of its time, and it uses all threads. Moments and step counts stay in the Thinc optimizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from thinc.api import Optimizer, torch2xp, xp2torch
from thinc.backends import get_array_ops
from thinc.types import FloatsXd
from torch.optim.adamw import adamw

Key = tuple[int, str]
Weight = tuple[Key, torch.nn.Parameter]


def step(optimizer: Optimizer, weights: Sequence[Weight], lr_scale: float = 1.0) -> None:
    """Update weights from their gradients, and drop the gradients.

    Adam with decoupled weight decay (Loshchilov and Hutter 2019); each gradient is clipped by its
    own norm, as Thinc does. The constant eps is added after the bias correction, Thinc adds it
    before; the difference is below rounding for the usual 1e-8. An optimizer of another kind
    (SGD, RAdam, L2 as a penalty, averages) does the step itself.

    optimizer (Optimizer): Holds settings, moments and step counts.
    weights (Sequence[Weight]): Key and parameter; those without a gradient are left alone.
    lr_scale (float): Factor on the optimizer's learning rate.
    """
    with_gradient = [(key, weight) for key, weight in weights if weight.grad is not None]
    if not with_gradient:
        return
    if is_adamw(optimizer):
        _fused_step(optimizer, with_gradient, lr_scale)
    else:
        _thinc_step(optimizer, with_gradient, lr_scale)
    for _, weight in with_gradient:
        weight.grad = None


def is_adamw(optimizer: Optimizer) -> bool:
    """RETURNS (bool): Whether the optimizer is Adam, without averages, L2 as weight decay."""
    adam = optimizer.b1 > 0 and optimizer.b2 > 0 and not optimizer.use_radam
    decay = optimizer.L2 == 0 or optimizer.L2_is_weight_decay
    return adam and decay and optimizer.averages is None


def _fused_step(optimizer: Optimizer, weights: Sequence[Weight], lr_scale: float) -> None:
    gradients = [cast(torch.Tensor, weight.grad) for _, weight in weights]
    for gradient in gradients:
        clip(gradient, optimizer.grad_clip)
    steps = []
    for key, weight in weights:
        steps.append(torch.tensor(float(optimizer.nr_update[key]), device=weight.device))
        optimizer.nr_update[key] += 1
    with torch.no_grad():
        adamw(
            [weight.data for _, weight in weights],
            gradients,
            [_moment(optimizer.mom1, key, weight) for key, weight in weights],
            [_moment(optimizer.mom2, key, weight) for key, weight in weights],
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=optimizer.b1,
            beta2=optimizer.b2,
            lr=optimizer.learn_rate * lr_scale,
            weight_decay=optimizer.L2,
            eps=optimizer.eps,
            maximize=False,
        )


def clip(gradient: torch.Tensor, longest: float) -> None:
    """Scale a gradient in place so that its norm is at most `longest`; 0 means no limit."""
    if not longest:
        return
    norm = torch.linalg.vector_norm(gradient)
    if gradient.is_cuda:  # reading the norm would make the host wait for the GPU
        gradient.mul_((longest / norm).clamp(max=1.0))
    elif norm >= longest:
        gradient.mul_(longest / norm)


def _moment(moments: dict[Key, Any], key: Key, weight: torch.Tensor) -> torch.Tensor:
    """The moment of a weight, in the optimizer's memory, in the shape of the weight."""
    if key not in moments:
        moments[key] = get_array_ops(torch2xp(weight.data)).alloc1f(weight.numel())
    return xp2torch(moments[key], device=weight.device).view_as(weight)


def _thinc_step(optimizer: Optimizer, weights: Sequence[Weight], lr_scale: float) -> None:
    for key, weight in weights:
        value, _ = optimizer(
            key,
            cast(FloatsXd, torch2xp(weight.data)),
            cast(FloatsXd, torch2xp(cast(torch.Tensor, weight.grad))),
            lr_scale=lr_scale,
        )
        weight.data = xp2torch(value, device=weight.device)
