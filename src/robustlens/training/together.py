"""A step that several processes take together: the same as one process with the whole batch.

Each has a part of the batch. Gradients are added up, weighted by the parts, and batch norm sees
the moments of the whole batch, so what the parameters get differs by rounding only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm

from robustlens.processes import add_up, share, stacked, world
from robustlens.streams import Shared

Normalised = Callable[[_BatchNorm, Tensor], Tensor]
"""What a batch norm makes of the images of this process."""
MeanLoss = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(x, y, generator) to a mean over the images."""


class Together:
    """Steps of a model over all processes; with one process, the usual step.

    torch's DistributedDataParallel wants one forward pass for each backward pass; an attack
    inside a loss makes many. So the gradients are added up here, in one exchange after the
    backward pass. SyncBatchNorm runs on CUDA only; ours runs everywhere.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.alone = world() == 1
        """Whether this process has the whole batch, so that batch norm asks nobody."""

    def backward(self, loss: MeanLoss, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Leave the gradient of the loss of the whole batch in the parameters; return the loss.

        All processes give the same x, y and generator state. A batch smaller than the number of
        processes is computed by each of them.
        """
        if world() == 1:
            value = loss(x, y, generator)
            value.backward()  # type: ignore[no-untyped-call]
            return value.detach()
        assert isinstance(generator, Shared)
        self.alone = len(y) < world()
        rows = slice(0, len(y)) if self.alone else share(len(y))
        weight = 1 / world() if self.alone else (rows.stop - rows.start) / len(y)
        with generator.part(rows, len(y)):
            value = loss(x[rows], y[rows], generator) * weight
        value.backward()  # type: ignore[no-untyped-call]
        total = value.detach().clone()
        gradients = (p.grad for p in self.model.parameters())
        add_up([total, *(gradient for gradient in gradients if gradient is not None)])
        return total

    @contextmanager
    def batch_norm(self) -> Iterator[None]:
        """Let batch norm in training mode see the batch of all processes.

        The exchange stays outside of what torch.compile makes of the model. (`disable` brings in
        the whole compiler, so it is called where several processes meet, and not as a decorator.)
        """
        norms = [m for m in self.model.modules() if isinstance(m, _BatchNorm)] * (world() > 1)
        whole: Normalised = _normalised
        if norms:
            whole = torch.compiler.disable(whole)  # type: ignore[no-untyped-call]
        for norm in norms:
            norm.__dict__["forward"] = partial(self._forward, norm, whole)
        try:
            yield
        finally:
            for norm in norms:
                del norm.__dict__["forward"]

    def _forward(self, norm: _BatchNorm, whole: Normalised, x: Tensor) -> Tensor:
        if self.alone or not norm.training:
            usual: Tensor = type(norm).forward(norm, x)
            return usual
        return whole(norm, x)


def _normalised(norm: _BatchNorm, x: Tensor) -> Tensor:
    """Return what `norm` makes of this part of the batch; update its running statistics."""
    y: Tensor
    made = _WholeBatch.apply(x, norm.weight, norm.bias, norm.eps)  # type: ignore[no-untyped-call]
    y, mean, variance, count = made
    if norm.running_mean is None or norm.running_var is None:
        return y
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    rate = norm.momentum
    rate = 1 / float(norm.num_batches_tracked) if rate is None else rate
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), rate)
    unbiased = variance * count / (count - 1)
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), rate)
    return y


class _WholeBatch(torch.autograd.Function):
    """Batch norm by the moments of all processes (Ioffe & Szegedy 2015), one exchange each way.

    In: x (b, c, ...), weight and bias (c,) or None, eps. Out: y like x, and mean, variance (c,)
    and count () of the whole batch, which carry no gradient. The gradients of weight and bias
    are of this part; those of x hold what it does to the moments of the other parts.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        variance, mean = torch.var_mean(_wide(x), _others(x), correction=0)
        size = mean.new_tensor([x.numel() / x.shape[1]])
        every = stacked(torch.cat([mean, variance, size]))
        sizes, (means, variances) = every[:, -1:], every[:, :-1].chunk(2, dim=1)
        count = sizes.sum()
        mean = (sizes * means).sum(dim=0) / count
        variance = (sizes * (variances + (means - mean).square())).sum(dim=0) / count
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt(), count)
        ctx.mark_non_differentiable(mean, variance, count)
        return batch_norm(x, mean, variance, weight, bias, False, 0.0, eps), mean, variance, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale, count = ctx.saved_tensors
        shape = (1, -1, *[1] * (x.dim() - 2))
        wide = _wide(gradient)
        normal = (_wide(x) - mean.view(shape)) * scale.view(shape)
        sums = torch.stack([wide.sum(_others(x)), (wide * normal).sum(_others(x))])
        whole = sums.clone()
        add_up([whole])
        first, second = (whole / count).view(2, *shape).unbind()
        factor = (scale if weight is None else scale * weight).view(shape)
        by_x = factor * (wide - first - normal * second)
        pair = (None, None) if weight is None else (sums[1], sums[0])
        return by_x.to(x.dtype), *pair, None


def _wide(x: Tensor) -> Tensor:
    """Return x in float32 at least: moments of bfloat16 numbers need it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _others(x: Tensor) -> list[int]:
    """Return the dimensions that are not channels."""
    return [0, *range(2, x.dim())]
