"""Reading a model, ours or anyone's: its answer and its representation.

z = logits(model, x)                       # (b, k)
r = features(model, x)                     # what the layer that gives the logits reads, (b, f)
maps = features(model, x, "layer3.1")      # the output of any module, by its name
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from robustlens.answers import Answers
from robustlens.errors import InputError, UnknownName
from robustlens.modes import frozen
from robustlens.types import Images, Logits, Model


def logits(model: Model, x: Images) -> Logits:
    """Return class scores (b, k), differentiable, as `answers.Answers` reads and checks them."""
    return Answers(model)(x)


def features(model: nn.Module, x: Images, layer: str | None = None) -> Tensor:
    """Return the representation of images, differentiable with respect to `x`.

    Without `layer` it is what the model's head receives (the penultimate layer, (b, f); for what
    the head is see `head_of`); with it, the output of the module of that name, as in
    `model.named_modules()`.

    Raises:
        UnknownName: no module has that name.
        InputError: there is no linear head, or the module did not run.
    """
    if layer is None:
        return _head_call(model, x).received
    modules = dict(model.named_modules())
    if layer not in modules:
        raise UnknownName("layer", layer, (name for name in modules if name))
    seen: list[Tensor] = []

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


def head_of(model: nn.Module, x: Images) -> nn.Linear:
    """Return the linear layer that gives the logits of images, by use and not by registration.

    It is the one whose output is what the model returns; where none is (the logits are scaled
    after it, say), the last one that ran with an output for each class on which they depend.

    Raises:
        InputError: no linear layer is; the words name the module to read instead.
    """
    return _head_call(model, x).module


def only_linear(model: nn.Module, rows: int) -> nn.Linear:
    """Return the one linear layer with so many outputs, where there are no images to ask with.

    Raises `InputError` where there is none, or several.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    found = [module for module in linear if module.out_features == rows]
    if len(found) != 1:
        sizes = " and ".join(str(module.out_features) for module in linear) or "no"
        raise InputError(
            f"linear layers of {sizes} rows for {rows} classes",
            "one row for each class, in one linear layer",
            "use a model with a linear head",
        )
    return found[0]


class _Call(NamedTuple):
    """One use of a linear layer."""

    module: nn.Linear
    received: Tensor
    gave: Tensor


def _head_call(model: nn.Module, x: Images) -> _Call:
    with _calls(model) as calls:
        z = logits(model, x)
    for call in reversed(calls):
        if call.gave is z or (call.gave.shape == z.shape and call.gave.data_ptr() == z.data_ptr()):
            return call
    wide = [call for call in calls if call.gave.shape == z.shape]
    for call in reversed(wide if len(wide) > 1 else []):
        if torch.equal(call.gave.to(z.dtype), z):
            return call
    leads = _leads(model, x) if wide else []
    found = [call for call, does in zip(wide, leads, strict=False) if does]
    if not found:
        raise _headless(model, x, z.shape[1])
    return found[-1]


@contextmanager
def _calls(model: nn.Module) -> Iterator[list[_Call]]:
    """Note the uses of linear layers while the body runs, in order."""
    seen: list[_Call] = []

    def keep(module: nn.Module, inputs: Any, named: Any, output: Tensor) -> None:
        assert isinstance(module, nn.Linear)
        seen.append(_Call(module, inputs[0] if inputs else named["input"], output))

    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, nn.Linear):
                hooks.callback(module.register_forward_hook(keep, with_kwargs=True).remove)
        yield seen


def _leads(model: nn.Module, x: Images) -> list[bool]:
    """Say of each use of a linear layer with an output for each class if the logits depend on it.

    Asked with the first image, by the gradient; without one the answer is yes.
    """
    with frozen(model), torch.enable_grad(), _calls(model) as calls:
        z = logits(model, x[:1].detach().requires_grad_(True))
        wide = [call.gave for call in calls if call.gave.shape == z.shape]
        if not (z.requires_grad and all(gave.requires_grad for gave in wide)):
            return [True] * len(wide)
        found = torch.autograd.grad(z.sum(), wide, allow_unused=True)
    return [gradient is not None for gradient in found]


def _headless(model: nn.Module, x: Images, classes: int) -> InputError:
    """Return the error that names what to read instead: what ran before the layer of the classes.

    That layer is the last one with weights that gave one value, or one map, for each class.
    """
    names = list[str]()
    before = ""
    with ExitStack() as hooks:

        def note(name: str) -> Any:
            def keep(module: nn.Module, inputs: Any, output: Any) -> None:
                nonlocal before
                weighty = next(module.parameters(recurse=False), None) is not None
                if weighty and isinstance(output, Tensor) and output.shape[1:2] == (classes,):
                    before = names[-1] if names else ""
                names.append(name)

            return keep

        for name, module in model.named_modules():
            if name and not any(module.children()):
                hooks.callback(module.register_forward_hook(note(name)).remove)
        with frozen(model), torch.no_grad():
            model(x[:1])
    named = f"layer={before!r}" if before else "layer="
    ran = f", such as one of {', '.join(names[-4:])}" if names else ""
    linear = any(isinstance(module, nn.Linear) for module in model.modules())
    whose = f"whose {classes} logits come from no linear layer that ran"
    return InputError(
        f"a {type(model).__name__} {whose}" if linear else "a model without a linear layer",
        f"the name of a module that ran{ran}",
        f"pass {named}",
    )
