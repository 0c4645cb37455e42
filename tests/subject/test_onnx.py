"""An ONNX file: white-box where it can be converted, a black box where not, and which is said."""

import copy
import importlib.util
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import robustlens as rl
from robustlens.cli import main
from robustlens.data import Dataset
from robustlens.data.framing import Framing
from robustlens.errors import InputError, NoGradient
from robustlens.subject import probe

pytest.importorskip("onnx", reason="the extra [onnx] is not installed")
pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")

# Importing the converter itself needs torchvision, or what stands in for it.
if importlib.util.find_spec("onnx2torch") is None:
    pytest.skip("the extra [onnx] is not installed", allow_module_level=True)

WEIGHT = np.random.default_rng(0).normal(size=(48, 4)).astype(np.float32)


def graph(
    path: Path,
    *,
    middle: tuple[str, ...] = (),
    last: str = "Softmax",
    shape: tuple[Any, ...] = ("n", 3, 4, 4),
    dtype: str = "FLOAT",
    rows: int = -1,
    constant: bool = False,
) -> Path:
    """Write reshape, what is in the middle, a linear layer, and a last node."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(WEIGHT, "weight")
    target = numpy_helper.from_array(np.array([rows, 48], np.int64), "target")
    nodes = [helper.make_node("Cast", ["x"], ["float"], to=TensorProto.FLOAT)]
    if constant:  # weights as nodes, as some exporters write them
        nodes += [helper.make_node("Constant", [], ["weight"], value=weight)]
    nodes += [helper.make_node("Reshape", ["float", "target"], ["flat"])]
    here = "flat"
    for k, op in enumerate(middle):
        nodes.append(helper.make_node(op, [here], [f"m{k}"]))
        here = f"m{k}"
    nodes += [helper.make_node("MatMul", [here, "weight"], ["scores"])]
    end = "scores"
    if last:
        nodes += [helper.make_node(last, ["scores"], ["end"])]
        end = "end"
    made = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("x", getattr(TensorProto, dtype), shape)],
        [helper.make_tensor_value_info(end, TensorProto.FLOAT, [shape[0], 4])],
        [target] if constant else [weight, target],
    )
    onnx.save(
        helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path
    )
    return path


def expected(x: Tensor) -> Tensor:
    return x.flatten(1) @ torch.from_numpy(WEIGHT)


@pytest.mark.parametrize("last", ["Softmax", "", "Identity"])
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("rows", [-1, 1])
def test_a_graph_is_a_net_with_a_gradient(
    tmp_path: Path, last: str, constant: bool, rows: int
) -> None:
    shape = ("n", 3, 4, 4) if rows < 0 else (1, 3, 4, 4)
    path = graph(tmp_path / "m.onnx", last=last, constant=constant, rows=rows, shape=shape)
    subject = rl.bring(str(path))
    assert subject.gradient, subject.notes
    assert any("softmax is dropped" in note for note in subject.notes) == (last == "Softmax")
    assert any("one image at a time" in note for note in subject.notes) == (rows == 1)
    x = torch.rand(5, 3, 4, 4, requires_grad=True)
    z = subject.model(x)
    torch.testing.assert_close(z, expected(x), rtol=1e-4, atol=1e-4)
    (slope,) = torch.autograd.grad(z[:, 1].sum(), x)
    torch.testing.assert_close(slope[3].flatten(), torch.from_numpy(WEIGHT[:, 1]))


@pytest.mark.parametrize("dtype", ["FLOAT", "UINT8", "DOUBLE"])
def test_channels_last_and_other_types(tmp_path: Path, dtype: str) -> None:
    path = graph(tmp_path / "m.onnx", shape=("n", 4, 4, 3), dtype=dtype)
    subject = rl.bring(str(path))
    assert subject.gradient, subject.notes
    x = torch.randint(0, 256, (3, 3, 4, 4)).float() / 255
    wanted = expected((x * (255 if dtype == "UINT8" else 1)).permute(0, 2, 3, 1))
    torch.testing.assert_close(subject.model(x).float(), wanted, rtol=1e-4, atol=1e-2)
    assert subject.framing == Framing(4, 4, channels=3)


def test_the_file_beside_it_says_what_it_expects(tmp_path: Path) -> None:
    how = {
        "size": {"height": 4, "width": 4}, "image_mean": [104, 117, 123], "image_std": [1, 1, 1],
        "do_rescale": False, "channels": "bgr",
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(how))
    subject = rl.bring(str(graph(tmp_path / "m.onnx")))
    x = torch.rand(2, 3, 4, 4)
    mean = torch.tensor([104.0, 117, 123]).view(1, 3, 1, 1)
    torch.testing.assert_close(
        subject.model(x), expected(255 * x.flip(1) - mean), rtol=1e-4, atol=1e-2
    )
    assert subject.framing == Framing(4, 4, (4, 4), "bilinear", 3)


def black_box(tmp_path: Path) -> Path:
    return graph(tmp_path / "m.onnx", middle=("Shrink",))


def photographs() -> Dataset:
    pixels = torch.randint(0, 256, (12, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    return Dataset(pixels.to(torch.uint8), torch.arange(12) % 4, ("a", "b", "c", "d"), "toy")


def test_what_cannot_be_converted_is_a_black_box_and_says_so(tmp_path: Path) -> None:
    subject = rl.bring(str(black_box(tmp_path)))
    assert not subject.gradient
    assert any("black box" in note and "cannot be converted" in note for note in subject.notes)
    data = photographs()
    with pytest.raises(NoGradient, match="square or hopskipjump"):
        probe(subject.model, data)
    probe(subject.model, data, gradient=False)
    x = data.images.float() / 255
    with torch.no_grad():
        flat = x.flatten(1)
        shrunk = torch.where(flat > 0.5, flat, torch.zeros_like(flat))
        wanted = shrunk @ torch.from_numpy(WEIGHT)
        torch.testing.assert_close(subject.model(x), wanted, rtol=1e-4, atol=1e-4)
        for other in (copy.deepcopy(subject.model), pickle.loads(pickle.dumps(subject.model))):
            assert torch.equal(other(x), subject.model(x))
    attack = rl.bind(rl.square, rl.Linf(0.05), queries=20)
    rate = rl.attacked_accuracy(subject.model, data, attack, seed=0).rate
    assert rate.n == 12


def test_a_black_box_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = black_box(tmp_path)
    data = photographs()
    np.savez("mine.npz", x=data.images.numpy(), y=data.labels.numpy())
    words = ["evaluate", "--model", path.name, "--data", "mine.npz", "--norm", "linf"]
    words += ["--eps", "8/255"]
    assert main(words) == 2
    assert "attack it with square or hopskipjump" in capsys.readouterr().err
    again = [*words, "--attack", "square", "--queries", "10", "--json"]
    first, second = ((main(again), json.loads(capsys.readouterr().out)) for _ in range(2))
    assert first[0] == second[0] == 0
    assert first[1]["numbers"] == second[1]["numbers"]
    assert first[1]["models"][0]["gradient"] is False
    assert any("black box" in note for note in first[1]["notes"])


def test_files_that_are_no_model_of_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no"):
        rl.bring(str(tmp_path / "absent.onnx"))
    (tmp_path / "bad.onnx").write_bytes(b"not really")
    with pytest.raises(InputError, match="cannot be run by onnxruntime"):
        rl.bring(str(tmp_path / "bad.onnx"))
    with pytest.raises(InputError, match="one input of images"):
        rl.bring(str(graph(tmp_path / "flat.onnx", shape=("n", 48))))
    path = graph(tmp_path / "m.onnx")
    with pytest.raises(InputError, match="which has its own"):
        rl.bring(str(path), weights="fashion-standard")


def test_nothing_stands_in_for_torchvision_afterwards(tmp_path: Path) -> None:
    import sys

    before = sys.modules.get("torchvision")
    rl.bring(str(graph(tmp_path / "m.onnx")))
    assert sys.modules.get("torchvision") is before
