"""Ways to hold a model while looking at it: nothing is left changed.

with frozen(model):
    x_adv = ascend(misclassify(model, y), x, ball, rule, steps=20).best
twin = fast(model)      # an inference copy that answers the same, sooner
"""

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node, symbolic_trace
from torch.nn.utils.fusion import fuse_conv_bn_eval

from robustlens.errors import InputError
from robustlens.types import Logits, Points

ARITHMETIC = (operator.add, operator.sub, operator.mul, operator.truediv)


@contextmanager
def frozen(model: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Hold a model in evaluation mode with parameters out of the graph; restore both after.

    Every module gets back its own mode and every parameter its own `requires_grad`, also after
    an exception; gradients stored in parameters are not touched. A callable that is no module
    passes unchanged.
    """
    if not isinstance(model, nn.Module):
        yield
        return
    modes = [(m, m.training) for m in model.modules() if hasattr(m, "training")]  # not frozen ones
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        for module, _ in modes:
            module.training = False
        for parameter, _ in wanted:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, want in wanted:
            parameter.requires_grad_(want)


class Twin(nn.Module):
    """A fast inference copy: float32 in, float32 out, whatever happens between."""

    def __init__(self, body: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.body, self.dtype = body, dtype
        self.lowers = isinstance(body, GraphModule)  # a traced body lowers x itself

    def forward(self, x: Points) -> Logits:
        """Return the logits of images in [0, 1], as float32."""
        logits: Tensor = self.body(x if self.lowers else lowered(x, self.dtype))
        return logits.float()


def fast(model: nn.Module, dtype: torch.dtype | None = None) -> Twin:
    """Return an inference copy of a model for searching, not for deciding.

    Batch norm is folded into the convolution before it (torch's own fusion; a model that cannot
    be traced keeps it), memory is channels-last, and numbers are bfloat16 where the machine has
    it, or `dtype`. Arithmetic with constants at the beginning (a normalisation) stays in float32,
    and so does a linear layer at the end, for small differences between logits to survive. Its
    decisions can differ near a boundary: confirm what it finds on `model`.
    The model itself is not touched.
    """
    copy = deepcopy(model).eval().requires_grad_(False)
    try:
        copy = _folded(symbolic_trace(copy))
    except Exception:  # tracing runs the model's own code, which may raise anything
        copy = deepcopy(model).eval().requires_grad_(False)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    dtype = dtype or half_precision(device)
    exact: dict[str, nn.Module | Tensor] = {}
    if isinstance(copy, GraphModule):
        exact = {**_constants(copy, _prelude(copy, dtype)), **_head(copy)}
    copy = copy.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for name, part in exact.items():
        owner, _, last = name.rpartition(".")
        setattr(copy.get_submodule(owner), last, part)
    return Twin(copy, dtype).eval()


def copyable(model: nn.Module) -> None:
    """Raise `InputError` for a model of which a copy need not behave as the model does.

    TorchScript is compiled for the model's own numbers, and hooks (weight norm is one) reach out
    of a copy into whatever they hold.
    """
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    hooked = any(getattr(part, name, None) for part in model.modules() for name in hooks)
    if hooked or isinstance(model, torch.jit.ScriptModule):
        what = "hooks" if hooked else "TorchScript"
        raise InputError(f"a model with {what}", "plain modules", "pass twin=None to say so")


def lowered(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return x in a dtype, images channels-last: the layout convolutions are fastest in."""
    x = x.to(dtype)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


class Exact(nn.Module):
    """A layer that computes in float32 whatever it is given."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer.float()

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer makes of x, as float32."""
        answer: Tensor = self.layer(x.float())
        return answer


def _prelude(traced: GraphModule, dtype: torch.dtype) -> list[str]:
    """Lower the input only after the arithmetic with constants; return the constants' names."""
    last = next(node for node in traced.graph.nodes if node.op == "placeholder")
    names: list[str] = []
    while len(last.users) == 1:
        (node,) = last.users
        others = [arg for arg in node.args if arg is not last]
        constants = [str(arg.target) for arg in others if isinstance(arg, Node)]
        plain = all(not isinstance(arg, Node) or arg.op == "get_attr" for arg in others)
        if node.target not in ARITHMETIC or node.args[0] is not last or not plain:
            break
        last, names = node, names + constants
    users = list(last.users)
    with traced.graph.inserting_after(last):
        low = traced.graph.call_function(lowered, (last, dtype))
    for user in users:
        user.replace_input_with(last, low)
    traced.recompile()
    return names


def _constants(traced: GraphModule, names: list[str]) -> dict[str, nn.Module | Tensor]:
    """Return the buffers and frozen parameters of these names as they are."""
    return {name: deepcopy(operator.attrgetter(name)(traced)) for name in names}


def _head(traced: GraphModule) -> dict[str, nn.Module | Tensor]:
    """Return the linear layer that gives the output, by its name, if one does."""
    (last,) = next(node for node in traced.graph.nodes if node.op == "output").args
    calls = [node.target for node in traced.graph.nodes if node.op == "call_module"]
    if not (isinstance(last, Node) and last.op == "call_module" and calls.count(last.target) == 1):
        return {}
    layer = traced.get_submodule(str(last.target))
    return {str(last.target): Exact(deepcopy(layer))} if isinstance(layer, nn.Linear) else {}


def _folded(traced: GraphModule) -> GraphModule:
    """Fold each batch norm into the convolution whose output only it reads."""
    modules = dict(traced.named_modules())
    calls = [node.target for node in traced.graph.nodes if node.op == "call_module"]
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.args else None
        if not (
            isinstance(before, Node)
            and isinstance(modules.get(str(node.target)), nn.BatchNorm2d)
            and isinstance(modules.get(str(before.target)), nn.Conv2d)
            and len(before.users) == 1
            and calls.count(before.target) == calls.count(node.target) == 1
        ):
            continue
        convolution, norm = modules[str(before.target)], modules[str(node.target)]
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        traced.set_submodule(str(before.target), fuse_conv_bn_eval(convolution, norm))
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.recompile()
    return traced


def half_precision(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the device computes in it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if native else torch.float32
