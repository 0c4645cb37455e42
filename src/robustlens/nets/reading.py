"""Reading a model, ours or anyone's: its answer and its representation.

z = logits(model, x)                       # (b, k)
r = features(model, x)                     # what the last linear layer reads, (b, f)
maps = features(model, x, "layer3.1")      # the output of any module, by its name
"""

from typing import Any

from torch import Tensor, nn

from robustlens.answers import Answers
from robustlens.errors import InputError, UnknownName
from robustlens.types import Images, Logits, Model


def logits(model: Model, x: Images) -> Logits:
    """Return class scores (b, k), differentiable, as `answers.Answers` reads and checks them."""
    return Answers(model)(x)


def features(model: nn.Module, x: Images, layer: str | None = None) -> Tensor:
    """Return the representation of images, differentiable with respect to `x`.

    Without `layer` it is what the model's last `nn.Linear` receives (the penultimate layer,
    (b, f)); with it, the output of the module of that name, as in `model.named_modules()`.

    Raises:
        UnknownName: no module has that name.
        InputError: there is no linear layer, or the module did not run.
    """
    seen: list[Tensor] = []
    if layer is None:
        handle = last_linear(model).register_forward_pre_hook(
            lambda module, inputs: seen.append(inputs[0])
        )
    else:
        modules = dict(model.named_modules())
        if layer not in modules:
            raise UnknownName("layer", layer, (name for name in modules if name))

        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            seen.append(output.clone())  # the next layer may work in place

        handle = modules[layer].register_forward_hook(keep)
    try:
        model(x)
    finally:
        handle.remove()
    if not seen:
        raise InputError(f"layer {layer!r} did not run", "a module of the forward pass")
    return seen[-1]


def last_linear(model: nn.Module) -> nn.Linear:
    """Return the linear head of a model: its last `nn.Linear`.

    Raises `InputError` where there is none.
    """
    found = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not found:
        raise InputError("a model without a linear layer", "the name of a module", "pass layer=")
    return found[-1]
