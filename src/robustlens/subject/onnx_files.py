"""A model in an ONNX file, with its gradient where it can be converted to torch.

    subject = onnx_model(Path("model.onnx"))
    subject.gradient                            # False: answered by onnxruntime alone

The converted graph must answer as onnxruntime does, for one image and for two. Where it does not,
or cannot be converted, the model is a black box, for attacks that need no gradient, and the notes
say why. What pixels a net expects no ONNX file says; `preprocessor_config.json` beside it does,
where there is one.
"""

import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from robustlens.answers import Answers
from robustlens.data.framing import Framing
from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.subject.graphs import Graph, Runtime, converted, opened
from robustlens.subject.preprocessing import FILE, Preprocessing, of_huggingface
from robustlens.subject.subject import Subject
from robustlens.types import Images, Logits

AGREE = {torch.float16: 2e-2}
"""By how much answers may differ from onnxruntime's, in units of the largest; else `CLOSE`."""
CLOSE = 1e-4
SIDE = 224
"""Pixels a side where a graph takes any number."""


class OneByOne(nn.Module):
    """A net that takes one image at a time, asked about several."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Images) -> Logits:
        """Return the logits (b, k)."""
        return torch.cat([self.model(row) for row in torch.split(x, 1)])


class AsTaken(nn.Module):
    """A net whose images have another type, or their channels last."""

    def __init__(self, model: nn.Module, dtype: torch.dtype, channels_last: bool) -> None:
        super().__init__()
        self.model, self.dtype, self.channels_last = model, dtype, channels_last

    def forward(self, x: Images) -> Logits:
        """Return the logits (b, k)."""
        x = x.permute(0, 2, 3, 1) if self.channels_last else x
        found: Tensor = self.model(x.to(self.dtype) if self.dtype != torch.uint8 else x)
        return found


def onnx_model(path: Path) -> Subject:
    """Return the model of a file. Raises `InputError` as `graphs.opened`."""
    graph = opened(path)
    how, said = _preprocessing(path, graph)
    x = _tried(graph, how)
    notes = [said]
    if graph.softmax:
        notes.append("its final softmax is dropped: logits are measured")
    runtime = _whole(Runtime(graph), graph, x)
    if runtime is None:
        raise InputError(
            f"{path} fails on images of shape {tuple(x.shape[1:])}",
            "a graph that takes one image, or several",
            f"say the size of its images in {FILE} beside it",
        )
    net, why = _with_gradient(graph, runtime, x)
    if net is None:
        notes.append(f"it is a black box, answered by onnxruntime without a gradient ({why})")
    else:
        notes.append("converted to torch, whose answers are onnxruntime's for one image and two")
    if isinstance((net or runtime), OneByOne):
        notes.append("it takes one image at a time")
    model = how.inside(net or runtime).eval()
    return Subject(
        model, str(path), f"the ONNX file {path}", notes=tuple(notes), preprocessing=how,
        gradient=net is not None,
    )  # fmt: skip


def _preprocessing(path: Path, graph: Graph) -> tuple[Preprocessing, str]:
    """Return what is done with pictures, from the file beside it, and what is said of it."""
    channels, height, width = graph.frame
    count = {1: 1, 3: 3}.get(channels or 3)
    beside = path.with_name(FILE)
    if beside.is_file():
        try:
            how = of_huggingface(json.loads(beside.read_text(encoding="utf-8")), count)  # type: ignore[arg-type]
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {beside}: {error}", "a JSON object") from error
        return how, f"pictures as {beside} says: {how}"
    framing = None
    if height is not None and width is not None:
        framing = Framing(height, width, channels=count)  # type: ignore[arg-type]
    how = Preprocessing(framing, scale=1.0 if graph.dtype == torch.uint8 else 1 / 255)
    return how, f"no {FILE} beside it says what pixels it expects; it is given {how}"


def _tried(graph: Graph, how: Preprocessing) -> Images:
    """Return two images of noise as the graph gets them, on whole levels from 0 to 255."""
    channels, height, width = graph.frame
    if how.framing is not None:
        height, width = height or how.framing.height, width or how.framing.width
    shape = (2, channels or 3, height or SIDE, width or SIDE)
    levels = torch.randint(0, 256, shape, generator=stream(0, "onnx")).float()
    first = how.inside(nn.Identity())
    found: Tensor = first(levels / 255)
    return found.round() if graph.dtype == torch.uint8 else found


def _whole(net: nn.Module, graph: Graph, x: Images) -> nn.Module | None:
    """Return a net that takes one image and two, asked one by one if it must; None: neither."""
    taken = AsTaken(net, graph.dtype, graph.channels_last)
    for model in (taken, OneByOne(taken)):
        try:
            with torch.no_grad():
                z, last = Answers(model)(x), Answers(model)(x[1:])
            if _apart(z[1:], last) <= AGREE.get(graph.dtype, CLOSE):
                return model
        except Exception:  # a graph may fail in any way on a number of images it was not made for
            continue
    return None


def _with_gradient(graph: Graph, runtime: nn.Module, x: Images) -> tuple[nn.Module | None, str]:
    """Return the graph in torch, or None and why it cannot be had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raw = converted(graph)
    except InputError:
        raise
    except Exception as error:
        words = (str(error).splitlines() or [""])[0]
        return None, f"it cannot be converted: {type(error).__name__}: {words:.160}"
    net = _whole(raw, graph, x)
    if net is None:
        return None, "converted, it fails, or needs the other images of its batch"
    with torch.no_grad():
        wanted = Answers(runtime)(x)
        apart = max(_apart(Answers(net)(x), wanted), _apart(Answers(net)(x[:1]), wanted[:1]))
    if not apart <= AGREE.get(graph.dtype, CLOSE):
        return None, f"converted, its answers are {apart:.1g} from onnxruntime's"
    if not _slopes(net, x):
        return None, "converted, it has no finite gradient"
    return net, ""


def _apart(z: Logits, wanted: Logits) -> float:
    """Return the largest difference in units of the largest entry, or of 1."""
    if z.shape != wanted.shape:
        return torch.inf
    far = (z.double() - wanted.double()).abs().max() / wanted.double().abs().max().clamp_min(1)
    return float(far.nan_to_num(nan=torch.inf))


def _slopes(net: nn.Module, x: Images) -> bool:
    with torch.enable_grad():
        x = x.clone().requires_grad_(True)
        z = Answers(net)(x)
        if not z.requires_grad:
            return False
        (slope,) = torch.autograd.grad(z.logsumexp(dim=1).sum() - z[:, 0].sum(), x,
                                       allow_unused=True)  # fmt: skip
    return slope is not None and bool(slope.isfinite().all()) and bool(slope.any())
