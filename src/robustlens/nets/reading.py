"""Reading a model, ours or anyone's: its answer and its representation.

z = logits(model, x)                       # (b, k)
r = features(model, x)                     # what the layer that gives the logits reads, (b, f)
maps = features(model, x, "layer3.1")      # the output of any module, by its name
read = reader(model, None, x)              # the same as a function, its head looked up once
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from robustlens.answers import Answers, answered
from robustlens.doubts import probabilities
from robustlens.errors import InputError, UnknownName
from robustlens.modes import frozen
from robustlens.types import Images, Logits, Model, Representation


def logits(model: Model, x: Images) -> Logits:
    """Return class scores (b, k), differentiable, as `answers.Answers` reads and checks them."""
    return Answers(model)(x)


def features(model: nn.Module, x: Images, layer: str | None = None) -> Tensor:
    """Return the representation of images, differentiable with respect to `x`; `x` stays as it is.

    Without `layer` it is what the model's head receives (the penultimate layer, (b, f); for what
    the head is see `head_of`); with it, the output of the module of that name, as in
    `model.named_modules()`, one entry an image: of several calls the last, and of a tuple (as an
    LSTM or an attention returns) or a mapping its first entry, where that is a tensor.

    Raises:
        UnknownName: no module has that name.
        InputError: there is no linear head, or the module did not run, or returned something else.
    """
    if layer is None:
        return _head_call(model, x).received
    modules = dict(model.named_modules())
    if layer not in modules:
        raise UnknownName("layer", layer, (name for name in modules if name))
    seen: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        seen[:] = [_first(output, layer, len(x)).clone()]  # the next layer may work in place

    handle = modules[layer].register_forward_hook(keep)
    try:
        model(x.clone())  # it may write into its input, and need not return logits
    finally:
        handle.remove()
    if not seen:
        raise InputError(f"layer {layer!r} did not run", "a module of the forward pass")
    return seen[0]


def reader(model: nn.Module, layer: str | None, x: Images) -> Representation:
    """Return the function that reads what `features` reads, to be asked at every step of a walk.

    The head is found once, with the images x; after that a call costs what the model costs.
    Raises as `features`.
    """
    if layer is not None:
        return lambda x: features(model, x, layer)
    with frozen(model), torch.no_grad():
        head = head_of(model, x)

    def penultimate(x: Images) -> Tensor:
        seen: list[Tensor] = []

        def keep(module: nn.Module, inputs: Any, named: Any) -> None:
            seen[:] = [_received(inputs, named).clone()]  # it may be worked on in place

        handle = head.register_forward_pre_hook(keep, with_kwargs=True)
        try:
            model(x.clone())
        finally:
            handle.remove()
        return seen[0]

    return penultimate


def pooled(r: Tensor) -> Tensor:
    """Return one value a unit, (b, f): a map (b, f, h, w) is averaged over its places."""
    return r.flatten(2).mean(dim=2) if r.dim() > 2 else r


def _received(inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Tensor:
    """Return what a linear layer was given."""
    given: Tensor = inputs[0] if inputs else named["input"]
    return given


def _first(output: Any, layer: str, count: int) -> Tensor:
    """Return what a layer says of each image, or raise `InputError` in words."""
    parts = list(output.values()) if isinstance(output, Mapping) else output
    first = next(iter(parts), None) if isinstance(parts, tuple | list) else parts
    if isinstance(first, Tensor) and first.shape[:1] == (count,):
        return first
    kind = type(output).__name__
    said = f"shape {tuple(first.shape)}" if isinstance(first, Tensor) else f"a {kind}"
    raise InputError(
        f"layer {layer!r}, which returns {said} for {count} images",
        "a tensor whose first axis counts the images, alone or first in a tuple",
        "name another layer",
    )


def head_of(model: nn.Module, x: Images) -> nn.Linear:
    """Return the linear layer that gives the logits of images, by use and not by registration.

    Its output is what the model returns, or becomes it by what leaves each class its own: a
    scale, a shift, a softmax or its logarithm, an increasing function of each entry. That is seen
    at the first image, by the derivative of the logits with respect to the output.

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
    wide = [call for call in calls if call.gave.shape == z.shape]
    for call in reversed(wide):
        if torch.allclose(answered(call.gave.to(z.dtype)), z, rtol=0, atol=0, equal_nan=True):
            return call
    share = list(zip(wide, _becomes_the_logits(model, x) if wide else [], strict=False))
    for call, whole in reversed(share):
        if whole:
            return call
    others = [call.module for call, whole in share if whole is not None]
    raise _headless(model, x, z.shape[1], others[-1] if others else None)


@contextmanager
def _calls(model: nn.Module) -> Iterator[list[_Call]]:
    """Note the uses of linear layers while the body runs, in order."""
    seen: list[_Call] = []

    def keep(module: nn.Module, inputs: Any, named: Any, output: Tensor) -> None:
        assert isinstance(module, nn.Linear)
        seen.append(_Call(module, _received(inputs, named).clone(), output))  # as in `reader`

    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, nn.Linear):
                hooks.callback(module.register_forward_hook(keep, with_kwargs=True).remove)
        yield seen


def _becomes_the_logits(model: nn.Module, x: Images) -> list[bool | None]:
    """Say of each use of a linear layer with an output for each class if it gives the logits.

    None: it has nothing to do with them. Asked with the first image, by derivatives; where there
    are none, by the values of all images.
    """
    with torch.inference_mode(False), frozen(model), torch.enable_grad(), _calls(model) as calls:
        first = x[:1].detach().clone().requires_grad_(True)
        z = logits(model, first)
        wide = [call.gave for call in calls if call.gave.shape == z.shape]
        if z.requires_grad and all(gave.requires_grad for gave in wide):
            z = z.clamp_min(torch.finfo(z.dtype).tiny).log() if probabilities(z.detach()) else z
            return [_gives(gave, z, first) for gave in wide]
    with frozen(model), torch.no_grad(), _calls(model) as calls:
        z = logits(model, x)
        return [_same_but_for_scale(c.gave, z) for c in calls if c.gave.shape == z.shape]


def _gives(gave: Tensor, z: Logits, x: Images) -> bool | None:
    """Say whether logits (1, k) of an image are made of this output alone, class by class."""
    rows = [torch.autograd.grad(one, gave, retain_graph=True, allow_unused=True)[0] for one in z[0]]
    found = [row for row in rows if row is not None]
    if not found:
        return None
    slope = torch.cat(found) if len(found) == len(rows) else gave.new_zeros(len(rows), len(rows))
    if not _class_by_class(slope):
        return False
    weights = torch.linspace(-1, 1, len(rows), dtype=slope.dtype, device=slope.device)
    by_it = torch.autograd.grad(gave[0] @ (weights @ slope), x, retain_graph=True)[0]
    by_all = torch.autograd.grad(z[0] @ weights.to(z.dtype), x, retain_graph=True)[0]
    return float((by_it - by_all).abs().max()) <= 1e-3 * float(by_all.abs().max())


def _class_by_class(slope: Tensor) -> bool:
    """Say whether logits z_i = f_i(g_i) + c(g) of an output g have this derivative (k, k).

    The f_i are increasing; they are one scale (a softmax's logarithm has a c), or c is nothing.
    """
    slope = slope.double()
    own = slope.diagonal()
    common = (slope.sum(dim=0) - own) / (len(own) - 1)
    rises = own - common
    slack = 1e-3 * float(rises.abs().max())
    fits = (slope - rises.diag() - common).abs().max() <= slack
    one_scale = rises.max() - rises.min() <= slack
    return bool(rises.min() > 0) and bool(fits & (one_scale | (common.abs().max() <= slack)))


def _same_but_for_scale(gave: Tensor, z: Logits) -> bool:
    """Say whether logits are an output times one positive number, plus one number a row."""
    z = z.log() if probabilities(z.detach()) else z
    own, ours = (part.double() - part.double().mean(dim=1, keepdim=True) for part in (gave, z))
    scale = (own * ours).sum() / own.square().sum()
    return bool(scale > 0) and torch.allclose(scale * own, ours, rtol=1e-3, atol=1e-5)


def _headless(model: nn.Module, x: Images, classes: int, last: nn.Linear | None) -> InputError:
    """Return the error that names what to read instead: what ran before the layer of the classes.

    That layer is the last one with weights that gave one value, or one map, for each class; where
    it is a linear one, whose output is not the logits, what ran last is named.
    """
    names, before = list[str](), ""
    modules = {name: module for name, module in model.named_modules() if name}
    with ExitStack() as hooks:

        def note(name: str) -> Any:
            def keep(module: nn.Module, inputs: Any, output: Any) -> None:
                nonlocal before
                weighty = next(module.parameters(recurse=False), None) is not None
                if weighty and isinstance(output, Tensor) and output.shape[1:2] == (classes,):
                    before = "" if module is last else names[-1] if names else ""
                names.append(name)

            return keep

        for name, module in modules.items():
            if not any(module.children()):
                hooks.callback(module.register_forward_hook(note(name)).remove)
        with frozen(model), torch.no_grad():
            logits(model, x[:1])
    before = before or (names[-1] if names and last is not None else "")
    ran = f", such as one of {', '.join(names[-4:])}" if names else ""
    of = next((repr(name) for name, module in modules.items() if module is last), "the model")
    if last is not None:
        whose = f"whose {classes} logits are the output of {of} only after more than a scale, "
        whose += "a shift or a softmax, so that no linear layer is the last"
    else:
        whose = f"whose {classes} logits come from no linear layer that ran"
    linear = any(isinstance(module, nn.Linear) for module in model.modules())
    return InputError(
        f"a {type(model).__name__} {whose}" if linear else "a model without a linear layer",
        f"the name of a module that ran{ran}",
        f"pass layer={before!r}" if before else "pass layer=",
    )
