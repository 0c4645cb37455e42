"""ONNX graphs: constants folded, a final softmax dropped, converted to torch.

graph = opened(Path("model.onnx"))          # one input of images, one output of scores
net = converted(graph)                      # a torch module; raises what the converter raises
z = Runtime(graph)(x)                       # the same by onnxruntime, without a gradient
"""

import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from robustlens.errors import InputError
from robustlens.subject.extras import needed
from robustlens.types import Logits

DTYPES = {"tensor(float)": torch.float32, "tensor(double)": torch.float64,
          "tensor(float16)": torch.float16, "tensor(uint8)": torch.uint8}  # fmt: skip
"""What a graph can take images as."""


@dataclass(frozen=True)
class Graph:
    """A graph with one input and one output that is used, as the bytes of an ONNX file."""

    content: bytes
    entry: str  # the name of its input
    shape: tuple[int | None, ...]  # of its input; None where any number will do
    dtype: torch.dtype
    softmax: bool  # whether a final softmax was dropped

    @property
    def channels_last(self) -> bool:
        """Whether images are (b, h, w, c)."""
        return self.shape[3] in (1, 3) and self.shape[1] not in (1, 3)

    @property
    def frame(self) -> tuple[int | None, int | None, int | None]:
        """Channels, height and width; None where any number will do."""
        _, *rest = self.shape
        c, h, w = (rest[2], rest[0], rest[1]) if self.channels_last else rest
        return c, h, w


def opened(path: Path) -> Graph:
    """Return the graph of a file, folded by onnxruntime, without a final softmax.

    Raises:
        InputError: no such file, no graph that onnxruntime can run, not one input of images, or
            the extra [onnx] is not installed.
    """
    onnx = needed("onnx", "onnx", str(path))
    runtime = needed("onnxruntime", "onnx", str(path))
    if not path.is_file():
        raise InputError(f"there is no {path}", "an .onnx file", "check the path")
    try:
        with tempfile.TemporaryDirectory() as folder:
            model = onnx.load(str(_folded(runtime, path, Path(folder))))
        dropped = _prune(model)
        content = model.SerializeToString()
        session = _session(runtime, content)
    except Exception as error:  # damaged or foreign: both libraries raise what they like
        raise InputError(
            f"{path} cannot be run by onnxruntime ({(str(error).splitlines() or [''])[0]:.200})",
            "a whole ONNX file with one input",
            "export it again",
        ) from error
    entries = session.get_inputs()
    shape = tuple(side if isinstance(side, int) and side > 0 else None for side in entries[0].shape)
    kind = entries[0].type
    if len(entries) != 1 or len(shape) != 4 or kind not in DTYPES:
        said = ", ".join(f"{e.name}: {e.type} {e.shape}" for e in entries)
        raise InputError(
            f"{path} takes {said}", "one input of images, (b, c, h, w) or (b, h, w, c)"
        )
    return Graph(content, entries[0].name, shape, DTYPES[kind], dropped)


def converted(graph: Graph) -> nn.Module:
    """Return the graph as a torch module; raises whatever the converter raises."""
    onnx = needed("onnx", "onnx", "an ONNX file")
    with _without_torchvision():
        package = needed("onnx2torch", "onnx", "an ONNX file")
    net: nn.Module = package.convert(onnx.load_from_string(graph.content))
    return net.eval()


class Runtime(nn.Module):
    """A graph answered by onnxruntime on the CPU: no gradient, the images taken as they are."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, x: Tensor) -> Logits:
        """Return the first output, (b, k)."""
        session = vars(self).get("session")
        if session is None:
            session = _session(needed("onnxruntime", "onnx", "an ONNX file"), self.graph.content)
            vars(self)["session"] = session
        given = x.detach().cpu()
        given = given.round() if self.graph.dtype == torch.uint8 else given
        found = session.run(None, {self.graph.entry: given.to(self.graph.dtype).numpy()})
        return torch.from_numpy(found[0]).to(x.device)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "session"}


def _session(runtime: ModuleType, content: bytes) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _folded(runtime: ModuleType, path: Path, folder: Path) -> Path:
    """Return a file of the same graph with constants folded: converters know weights only as such.

    Only what needs no operators of onnxruntime's own is done.
    """
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "folded.onnx")
    runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return folder / "folded.onnx"


def _prune(model: Any) -> bool:
    """Keep the one output of a row of scores an image; drop its softmax, and say whether."""
    graph = model.graph
    rows = [o for o in graph.output if len(o.type.tensor_type.shape.dim) == 2]
    if len(rows) == 1 and len(graph.output) > 1:
        for other in [o for o in graph.output if o.name != rows[0].name]:
            graph.output.remove(other)
    if len(graph.output) != 1:
        return False
    dropped = False
    while last := next((n for n in graph.node if graph.output[0].name in n.output), None):
        if last.op_type not in ("Softmax", "Identity") or _axis(last) not in (1, -1):
            break
        dropped |= last.op_type == "Softmax"
        graph.output[0].name = last.input[0]
        graph.node.remove(last)
        if dropped:
            break
    return dropped


def _axis(node: Any) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "axis"), -1)


@contextmanager
def _without_torchvision() -> Iterator[None]:
    """Let the converter be imported where torchvision is not installed, or is of another torch.

    It needs it for boxes alone. What stands in is taken away again.
    """
    if "onnx2torch" in sys.modules or "torchvision" in sys.modules:
        yield
        return
    package, ops = ModuleType("torchvision"), ModuleType("torchvision.ops")
    vars(package)["ops"] = ops
    for name in ("nms", "roi_align", "box_convert"):
        vars(ops)[name] = _no_boxes
    sys.modules |= {"torchvision": package, "torchvision.ops": ops}
    try:
        importlib.import_module("onnx")  # so that what is said of it is not said of torchvision
        yield
    finally:
        for name in ("torchvision", "torchvision.ops"):
            sys.modules.pop(name, None)


def _no_boxes(*_: object, **__: object) -> None:
    raise NotImplementedError("operators on boxes, which need torchvision")
