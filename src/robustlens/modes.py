"""Ways to hold a model while looking at it: nothing is left changed.

with frozen(model):
    x_adv = ascend(misclassify(model, y), x, ball, rule, steps=20).best
twin = fast(model)      # an inference copy that answers the same, sooner
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node, symbolic_trace
from torch.nn.utils.fusion import fuse_conv_bn_eval

from robustlens.types import Logits, Points


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
    modes = [(module, module.training) for module in model.modules()]
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

    def forward(self, x: Points) -> Logits:
        """Return the logits of images in [0, 1], as float32."""
        moved = x.to(self.dtype)
        if x.dim() == 4:
            moved = moved.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.body(moved)
        return logits.float()


def fast(model: nn.Module, dtype: torch.dtype | None = None) -> Twin:
    """Return an inference copy of a model for searching, not for deciding.

    Batch norm is folded into the convolution before it (torch's own fusion; a model that cannot
    be traced keeps it), memory is channels-last, and numbers are bfloat16 where the machine has
    it, or `dtype`. A linear layer at the end stays in float32, so that small differences between
    logits survive. Its decisions can differ near a boundary: confirm what it finds on `model`.
    The model itself is not touched.
    """
    copy = deepcopy(model).eval().requires_grad_(False)
    try:
        copy = _folded(symbolic_trace(copy))
    except Exception:  # tracing runs the model's own code, which may raise anything
        copy = deepcopy(model).eval().requires_grad_(False)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    dtype = dtype or half_precision(device)
    head = _head(copy)
    exact = None if head is None else Exact(deepcopy(copy.get_submodule(head)))
    copy = copy.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if head is not None and exact is not None:
        copy.set_submodule(head, exact)
    return Twin(copy, dtype).eval()


class Exact(nn.Module):
    """A layer that computes in float32 whatever it is given."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer.float()

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer makes of x, as float32."""
        answer: Tensor = self.layer(x.float())
        return answer


def _head(model: nn.Module) -> str | None:
    """Return the name of the linear layer that gives the output of a traced model, if one does."""
    if not isinstance(model, GraphModule):
        return None
    (last,) = next(node for node in model.graph.nodes if node.op == "output").args
    calls = [node.target for node in model.graph.nodes if node.op == "call_module"]
    if not (isinstance(last, Node) and last.op == "call_module" and calls.count(last.target) == 1):
        return None
    name = str(last.target)
    return name if isinstance(model.get_submodule(name), nn.Linear) else None


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
