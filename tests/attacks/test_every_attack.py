"""What every attack promises: ball, box, seed, model untouched, batches, the clean image."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import ATTACKS, Bound, autoattack, bind, twin_of
from robustlens.balls import L1, L2, Linf
from robustlens.errors import InputError, UnknownName
from robustlens.modes import fast
from robustlens.streams import stream

RADII = {Linf: 0.06, L2: 0.35, L1: 1.2}
FEW: dict[str, dict[str, Any]] = {
    "autoattack": {"batch_size": 40},
    "pgd": {"steps": 6, "restarts": 2},
    "apgd": {"steps": 12},
    "apgd_targeted": {"steps": 8, "targets": 3},
    "mi_fgsm": {"steps": 5},
    "fab": {"steps": 8, "targets": 3},
    "square": {"queries": 60},
    "hopskipjump": {"queries": 300},
    "deepfool": {"steps": 10},
    "carlini_wagner": {"steps": 15},
    "ddn": {"steps": 15},
    "fmn": {"steps": 15},
}
WEAK = {"random_search", "carlini_wagner"}  # with so few steps
QUICK = [name for name in ATTACKS if name != "autoattack"]


class Net(nn.Module):
    """A small net whose arithmetic for an image does not depend on the others of its batch."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(channels + 10 * classes)
        size = channels * 36
        self.first = nn.Parameter(torch.randn(12, size, generator=g) * 3 / size**0.5)
        self.second = nn.Parameter(torch.randn(classes, 12, generator=g))
        self.quiet = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = ((x.flatten(1) - 0.5)[:, None] * self.first).sum(dim=-1).relu()
        return (self.quiet(hidden)[:, None] * self.second).sum(dim=-1)


def images(net: Net, channels: int, count: int) -> tuple[Tensor, Tensor]:
    """Images with the labels that the net gives them, every seventh label wrong."""
    x = torch.rand(count, channels, 6, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        z = net.eval()(x)
    y = z.argmax(dim=1)
    y[6::7] = (y[6::7] + 1) % z.shape[1]
    return x, y


def norms_of(name: str) -> list[type]:
    found = []
    x, y = images(net := Net(1, 3), 1, 2)
    for kind, eps in RADII.items():
        try:
            bind(ATTACKS[name], kind(eps), **FEW.get(name, {}))(net, x, y, stream(0))
        except InputError:
            continue
        found.append(kind)
    assert found
    return found


CASES = [(name, kind) for name in QUICK for kind in norms_of(name)]


@pytest.mark.parametrize(("name", "kind"), CASES, ids=lambda v: getattr(v, "__name__", v))
@pytest.mark.parametrize(
    ("classes", "channels"),
    [
        (2, 1),
        (3, 3),
        (10, 1),
        (10, 3),
        pytest.param(2, 3, marks=pytest.mark.slow),
        pytest.param(3, 1, marks=pytest.mark.slow),
    ],
)
def test_promises(name: str, kind: Callable[[float], Any], classes: int, channels: int) -> None:
    check(name, kind, classes, channels)


@pytest.mark.parametrize(("name", "kind"), CASES, ids=lambda v: getattr(v, "__name__", v))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [0, 1, 7])
def test_what_is_found_has_the_shape_and_the_precision_of_what_came(
    name: str, kind: Callable[[float], Any], dtype: torch.dtype, size: int
) -> None:
    net, ball = Net(3, 10).eval(), kind(RADII[kind])  # type: ignore[index]
    x, y = images(net, 3, size)
    x = x.to(dtype)
    before, right = x.clone(), net(x).argmax(dim=1)
    found = bind(ATTACKS[name], ball, **FEW.get(name, {})).found(net, x, y, stream(0, "attack"))
    assert torch.equal(x, before)
    assert found.images.dtype == dtype
    assert found.images.shape == x.shape
    assert torch.equal(found.done, net(found.images).argmax(dim=1) != y)
    assert torch.equal(found.images[~found.done], x[~found.done])
    if name != "fgsm":  # which steps once, whatever it meets
        assert torch.equal(found.images[right != y], x[right != y])
        assert (found.step[right != y] == 0).all()
    assert (found.step[~found.done] == -1).all()
    later = found.step[found.done & (right == y)]
    queries = FEW.get(name, {}).get("queries")
    first, last = (1, queries) if queries else (0, 1000)  # a gradient attack may win as it starts
    assert ((later >= first) & (later <= last)).all()
    slack = 1e-6 * max(1.0, ball.eps)
    assert (ball.distance(found.images, x) <= ball.eps + slack).all()
    assert ((found.images >= 0) & (found.images <= 1)).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the model was handed over in training mode")
@pytest.mark.parametrize("kind", RADII, ids=lambda k: k.__name__)
@pytest.mark.parametrize(("classes", "channels"), [(2, 3), (3, 1), (10, 1)])
@pytest.mark.parametrize("version", ["standard", "adaptive", "plus", "rand"])
def test_promises_of_the_ensemble(
    version: str,
    kind: Callable[[float], Any],
    classes: int,
    channels: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The composition is the published one; only the budgets of its parts are cut."""

    def few(method: Callable[..., Tensor], ball: Any, **settings: Any) -> Bound:
        short = {"apgd": 12, "apgd_targeted": 8, "fab": 8}.get(method.__name__)
        budget = {"queries": 60} if short is None else {"steps": short}
        settings |= {"patience": 25} if "patience" in settings else {}
        return bind(method, ball, **{**settings, **budget})

    module = sys.modules["robustlens.attacks.ensemble"]
    monkeypatch.setattr(module, "bind", few)
    twin = None if version == "rand" else fast(Net(channels, classes))
    check("autoattack", kind, classes, channels, version=version, twin=twin)


@pytest.mark.usefixtures("unchecked")
def test_the_published_composition_and_budgets() -> None:
    module: Any = sys.modules["robustlens.attacks.ensemble"]
    parts = {name: list(map(str, make(L2(0.5), 10))) for name, make in module.VERSIONS.items()}
    assert parts["standard"] == [
        "apgd l2 eps 0.5, steps 100, restarts 1",
        "apgd_targeted l2 eps 0.5, steps 100, restarts 1, targets 9",
        "fab l2 eps 0.5, steps 100, restarts 1, targets 9",
        "square l2 eps 0.5, queries 5000, restarts 1",
    ]
    assert [part.split(" ")[0] for part in parts["plus"]] == [
        "apgd", "apgd", "fab", "square", "apgd_targeted", "fab",
    ]  # fmt: skip
    assert [part.rpartition(", ")[2] for part in parts["rand"]] == [
        "objective misclassify x20", "objective dlr x20",
    ]  # fmt: skip
    three = module.VERSIONS["plus"](L2(0.5), 3)
    assert three[1].name == "apgd margin"
    l1 = list(map(str, module.VERSIONS["standard"](L1(12.0), 10)))
    assert l1[0] == "apgd l1 eps 12, steps 100, restarts 5"
    assert l1[1].endswith("targets 5")
    with pytest.raises(UnknownName, match="unknown version 'best'"):
        autoattack(Net(1, 3), *images(Net(1, 3), 1, 2), L2(0.5), version="best",
                   generator=stream(0))  # type: ignore[arg-type]  # fmt: skip


def test_a_twin_is_trusted_where_it_agrees(trained: Any) -> None:
    assert twin_of(trained.model, trained.x) is not None
    assert twin_of(trained.model, trained.x.double()) is None
    assert twin_of(lambda x: x.flatten(1), trained.x) is None

    class Staircase(nn.Module):
        """Decides by the parity of a sum that bfloat16 cannot hold."""

        def forward(self, x: Tensor) -> Tensor:
            z = (x.flatten(1).sum(dim=1) * 1000).floor() % 2
            return torch.stack([z, 1 - z], dim=1)

    assert twin_of(Staircase(), trained.x) is None


def test_the_ensemble_names_what_broke_an_image(trained: Any) -> None:
    x, y = trained.x[:12], trained.y[:12].clone()
    y[0] = (y[0] + 1) % 10
    found = autoattack.found(trained.model, x, y, L2(5.0), generator=stream(0))
    assert found.done.all()
    assert found.by[0] == "as it is"
    assert set(found.by[1:]) <= {"apgd", "apgd_targeted", "fab", "square"}
    assert found.by.count("apgd") > 6


def check(
    name: str, kind: Callable[[float], Any], classes: int, channels: int, **settings: Any
) -> None:
    net, ball = Net(channels, classes), kind(RADII[kind])  # type: ignore[index]
    x, y = images(net, channels, 64)
    attack = bind(ATTACKS[name], ball, **FEW.get(name, {}), **settings)
    kept = [x.clone(), y.clone(), *(p.clone() for p in net.parameters())]
    net.train()
    found = attack.found(net, x, y, stream(0, "attack"))
    assert net.training
    assert net.quiet.training
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(map(torch.equal, kept, [x, y, *net.parameters()]))
    net.eval()
    assert not found.images.requires_grad
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    assert (ball.distance(found.images, x) <= ball.eps + 1e-6 * max(1.0, ball.eps)).all()
    with torch.no_grad():
        wrong = net(found.images).argmax(dim=1) != y
    assert torch.equal(found.done, wrong)
    assert torch.equal(found.images[~found.done], x[~found.done])
    assert torch.equal(found.step >= 0, found.done)
    assert found.done[6::7].all()  # wrong as they are
    assert name in WEAK or found.done.sum() > 9
    again = attack(net, x, y, stream(0, "attack"))
    assert torch.equal(again, found.images)
    for part in (slice(0, 1), slice(1, 8), slice(8, 64)):
        alone = attack(net, x[part], y[part], stream(0, "attack"))
        # tanh rounds by place in the batch: Carlini-Wagner is the same up to that
        far = 5e-3 if name == "carlini_wagner" else 0.0
        assert (alone - found.images[part]).abs().max() <= far
