"""The dead-unit problem: a unit that is off has no gradient, so no walk can switch it on.

    with straight_through(model):                        # identity backward at the last ReLU
        made = visualize_feature(model, x, unit=17)
    ablation(model, x, units).dead                       # does it matter, and how much?

The answers of the model stay what they are; gradients do not, and are those of no function.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from robustlens.errors import InputError, UnknownName
from robustlens.modes import frozen
from robustlens.types import Images, Values
from robustlens.vision.made import Made, Walk, fitting
from robustlens.vision.visualize import visualize_feature

GATES = (nn.ReLU, nn.ReLU6, nn.Threshold)
"""Modules whose gradient is exactly 0 where they are off."""


class _Identity(torch.autograd.Function):
    """The values of one tensor with the gradient of another."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, gave: Tensor) -> Tensor:
        return gave.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


@contextmanager
def straight_through(model: nn.Module, layer: str | None = None) -> Iterator[None]:
    """Let the last ReLU of a model pass gradients as they come, while the body runs.

    Source: "fake ReLU" of Engstrom et al. 2019, code of their section 4; asked about in
    MadryLab/robust_representations, issue 10. Forward passes are unchanged, bit for bit.

    Args:
        layer: the module by name; default the `nn.ReLU` that runs last, in its last use.

    Raises:
        UnknownName: no module has that name.
        InputError: the module named is no ReLU; or, at the first forward pass, that no such
            module ran: there is none, or it is a function (name a module of your own for it).
    """
    modules = dict(model.named_modules())
    if layer is not None and layer not in modules:
        raise UnknownName("layer", layer, (name for name in modules if name))
    if layer is not None and not isinstance(modules[layer], GATES):
        raise InputError(
            f"layer {layer!r}, a {type(modules[layer]).__name__}",
            "an nn.ReLU: what is smooth has gradients already",
            "change layer",
        )
    gates = [modules[layer]] if layer else [m for m in modules.values() if isinstance(m, GATES)]
    use = _LastUse(model, gates)
    with ExitStack() as hooks:
        for gate in gates:
            hooks.callback(gate.register_forward_pre_hook(use.before).remove)
            hooks.callback(gate.register_forward_hook(use.after).remove)
        hooks.callback(model.register_forward_pre_hook(use.begin).remove)
        yield


class _LastUse:
    """Counts the uses of gates in a forward pass, and opens the last one."""

    def __init__(self, model: nn.Module, gates: list[nn.Module]) -> None:
        self.model, self.gates = model, gates
        self.uses = self.seen = 0
        self.counting = False
        self.given: Tensor | None = None

    def begin(self, model: nn.Module, inputs: Any) -> None:
        """Before a forward pass; before the first, another one counts the uses."""
        if self.counting:
            return
        if not self.uses:
            self.counting = True
            try:
                with frozen(model), torch.no_grad():
                    model(inputs[0][:1])
            finally:
                self.counting = False
            if not self.uses:
                raise InputError(
                    f"a {type(model).__name__} in which no nn.ReLU ran",
                    "a module that switches units off",
                    "leave straight_through away: smooth activations have gradients everywhere",
                )
        self.seen = 0

    def before(self, gate: nn.Module, inputs: Any) -> Any:
        """Keep what the gate is given; one that works in place gets a copy."""
        self.given = inputs[0]
        inplace = not self.counting and getattr(gate, "inplace", False)
        return (inputs[0].clone(),) if inplace else None

    def after(self, gate: nn.Module, inputs: Any, output: Tensor) -> Any:
        """Return the output, with the gradient of the identity in the last use."""
        if self.counting:
            self.uses += 1
            return None
        self.seen += 1
        given, self.given = self.given, None
        if self.seen != self.uses or given is None:
            return None
        return _Identity.apply(given, output.detach())  # type: ignore[no-untyped-call]


class Ablation(NamedTuple):
    """A walk with the true gradient and one with the identity's, from the same images."""

    dead: Tensor  # boolean (b,): the unit was exactly 0 at the start
    plain: Made
    straight: Made

    @property
    def gain(self) -> Values:
        """What the identity brings, (b,): the unit at the end of its walk minus the plain one's."""
        return self.straight.numbers["after"] - self.plain.numbers["after"]


def ablation(
    model: nn.Module,
    x: Images,
    unit: int | Tensor,
    *,
    layer: str | None = None,
    walk: Walk | None = None,
) -> Ablation:
    """Return `visualize_feature` without and with `straight_through`, and where it could matter.

    It matters where a unit is off everywhere at the start: there the true gradient is 0 and the
    plain walk stays. Elsewhere the identity also follows places that are off, and may gain or
    lose. Raises as the two.
    """
    x = fitting(model, x)
    plain = visualize_feature(model, x, unit, layer=layer, walk=walk)
    with straight_through(model):
        straight = visualize_feature(model, x, unit, layer=layer, walk=walk)
    return Ablation(plain.numbers["before"] == 0, plain, straight)
