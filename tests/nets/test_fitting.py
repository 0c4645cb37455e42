"""Checkpoints as other tools write them: the same weights, other names."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from robustlens.errors import InputError
from robustlens.nets import Architecture, load, save
from robustlens.nets.checkpoints import read
from robustlens.streams import initialised

SMALL = Architecture(net="small", width=2, channels=1, size=8)
Weights = dict[str, Tensor]


class Tied(nn.Module):
    def __init__(self, tied: bool = True) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        if tied:
            self.b.weight = self.a.weight


def compiled(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")


def whole(model: nn.Module) -> Weights:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(left: nn.Module, right: nn.Module) -> bool:
    pairs = zip(left.state_dict().items(), right.state_dict().items(), strict=True)
    return all(m == n and torch.equal(t, u) for (m, t), (n, u) in pairs)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module.{name}",
        lambda name: f"_orig_mod.{name}",
        lambda name: f"_orig_mod.module.{name}",
        lambda name: f"module._orig_mod.{name}",
        lambda name: name.replace("body.", "body._orig_mod.", 1),
        lambda name: f"state_dict.{name}",
        lambda name: f"model.module.{name}",
        lambda name: f"state_dict.model.{name}",
    ],
)
def test_prefixes_of_wrappers_are_seen_through(
    tmp_path: Path, rename: Callable[[str], str]
) -> None:
    model = initialised(1, SMALL.build)
    save_file({rename(name): t for name, t in whole(model).items()}, tmp_path / "w.safetensors")
    assert same(load(tmp_path / "w.safetensors", into=initialised(2, SMALL.build)).model, model)


@pytest.mark.parametrize("wrap", [nn.DataParallel, compiled, AveragedModel])
def test_a_wrapped_model_takes_and_gives_plain_weights(
    tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]
) -> None:
    model, into = initialised(1, SMALL.build), wrap(initialised(2, SMALL.build))
    save_file(whole(wrap(model)), tmp_path / "wrapped.safetensors")
    save_file(whole(model), tmp_path / "plain.safetensors")
    plain = load(tmp_path / "wrapped.safetensors", into=initialised(2, SMALL.build))
    assert same(plain.model, model)
    if wrap is not AveragedModel:  # which counts, and a plain file has no count
        load(tmp_path / "plain.safetensors", into=into)
        pairs = zip(into.state_dict().values(), model.state_dict().values(), strict=True)
        assert all(torch.equal(mine, theirs) for mine, theirs in pairs)


def test_a_net_that_has_a_part_called_module_keeps_its_names(tmp_path: Path) -> None:
    def build() -> nn.Module:
        net = nn.Module()
        net.module, net.plain = nn.Linear(2, 2), nn.Linear(2, 2)
        return net

    model = initialised(1, build)
    save_file(whole(model), tmp_path / "w.safetensors")
    assert same(load(tmp_path / "w.safetensors", into=initialised(2, build)).model, model)
    save_file({f"module.{n}": t for n, t in whole(model).items()}, tmp_path / "w.safetensors")
    assert same(load(tmp_path / "w.safetensors", into=initialised(2, build)).model, model)


def test_batch_norms_may_lack_their_count_of_batches(tmp_path: Path) -> None:
    model = initialised(1, SMALL.build)
    less = {name: t for name, t in whole(model).items() if "num_batches" not in name}
    assert len(less) < len(model.state_dict())
    save_file(less, tmp_path / "w.safetensors")
    assert same(load(tmp_path / "w.safetensors", into=initialised(2, SMALL.build)).model, model)


def test_half_precision_fills_a_net_in_single(tmp_path: Path) -> None:
    model = initialised(1, SMALL.build)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        halves = {n: t.to(dtype) if t.is_floating_point() else t for n, t in whole(model).items()}
        save_file(halves, tmp_path / "w.safetensors")
        found = load(tmp_path / "w.safetensors", into=initialised(2, SMALL.build)).model
        assert {p.dtype for p in found.parameters()} == {torch.float32}
        assert all(torch.equal(t, halves[n].to(t)) for n, t in found.state_dict().items())


def test_tied_weights_are_saved_and_loaded(tmp_path: Path) -> None:
    model = initialised(1, Tied)
    save_model(model, str(tmp_path / "theirs.safetensors"))
    save(tmp_path / "ours.safetensors", model, architecture=SMALL)
    assert len(read(tmp_path / "theirs.safetensors")[0]) == 1
    for name in ("theirs", "ours"):
        found = load(tmp_path / f"{name}.safetensors", into=initialised(2, Tied)).model
        assert torch.equal(found.a.weight, model.a.weight)
        assert found.b.weight is found.a.weight
    loose = load(tmp_path / "ours.safetensors", into=Tied(tied=False)).model
    assert torch.equal(loose.b.weight, model.a.weight)
    with pytest.raises(InputError, match=r"b\.weight: missing instead of \(8, 8\)|a\.weight: miss"):
        load(tmp_path / "theirs.safetensors", into=Tied(tied=False))


def test_a_file_that_unties_what_the_net_ties_is_refused(tmp_path: Path) -> None:
    save_file(whole(initialised(1, lambda: Tied(tied=False))), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"different values for a\.weight and b\.weight"):
        load(tmp_path / "w.safetensors", into=Tied())


def test_views_of_one_storage_are_saved(tmp_path: Path) -> None:
    model = Tied()
    both = torch.arange(128.0).view(2, 8, 8)
    model.a.weight, model.b.weight = nn.Parameter(both[0]), nn.Parameter(both[1])
    save(tmp_path / "w.safetensors", model, architecture=SMALL)
    tensors, _ = read(tmp_path / "w.safetensors")
    assert torch.equal(torch.stack([tensors["a.weight"], tensors["b.weight"]]), both)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda w: w | {"extra.weight": torch.ones(1)},
            r"extra\.weight: \(1,\) instead of noth",
        ),
        (lambda w: {n: t for n, t in w.items() if n != "head.bias"}, r"head\.bias: missing instea"),
        (lambda w: w | {"head.bias": torch.ones(1)}, r"head\.bias: \(1,\) instead of \(10,\)"),
        (
            lambda w: {f"module.{n}": t for n, t in w.items() if n != "head.bias"},
            r"head\.bias: missing instead of",
        ),
        (
            lambda w: w | {"head.bias": torch.ones(10, dtype=torch.complex64)},
            r"head\.bias: complex \(10,\) instead of \(10,\)",
        ),
        (lambda w: w | {"module.head.bias": torch.ones(10)}, r"module\.head\.bias: \(10,\) inst"),
    ],
)
def test_what_differs_is_named(
    tmp_path: Path, change: Callable[[Weights], Weights], said: str
) -> None:
    save_file(change(whole(SMALL.build())), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=said):
        load(tmp_path / "w.safetensors", into=SMALL.build())


@pytest.mark.parametrize("card", ["null", "[]", "3", '"net"', "true"])
def test_a_card_that_is_no_object_is_refused(tmp_path: Path, card: str) -> None:
    save_file(whole(SMALL.build()), tmp_path / "w.safetensors", {"robustlens": card})
    for into in (None, SMALL.build()):
        with pytest.raises(InputError, match="has a card that is"):
            load(tmp_path / "w.safetensors", into=into)


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors"])
@pytest.mark.parametrize("nested", [True, False])
def test_a_pickle_is_refused_with_how_to_convert_it(
    tmp_path: Path, name: str, nested: bool
) -> None:
    weights = SMALL.build().state_dict()
    torch.save({"state_dict": weights} if nested else weights, tmp_path / name)
    with pytest.raises(InputError, match=r"is a pickle.*weights_only=True.*save_file.*state_dict"):
        load(str(tmp_path / name), into=SMALL.build())


def test_paths_are_texts_and_cards_hold_numbers_of_numpy(tmp_path: Path) -> None:
    model, path = initialised(1, SMALL.build), str(tmp_path / "w.safetensors")
    save(path, model, architecture=SMALL, card={"accuracy": np.float32(0.5), "n": np.int64(3)})
    found = load(path)
    assert same(found.model, model)
    assert (found.card["accuracy"], found.card["n"]) == (0.5, 3)
    with pytest.raises(InputError, match="JSON cannot hold"):
        save(path, model, architecture=SMALL, card={"what": object()})
