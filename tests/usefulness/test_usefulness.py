"""What units and probes are worth: closed forms of linear nets, useless units, dead ones."""

import math

import pytest
import torch
from torch import Tensor, nn

from robustlens.balls import L2, Box, Linf
from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.nets import SmallCNN
from robustlens.streams import initialised, stream
from robustlens.theory.usefulness import Kind, Score, Usefulness, kind
from robustlens.usefulness import Probes, margin_shares, noise, represented, scores, table
from robustlens.usefulness.scoring import _attacked


class Linear(nn.Module):
    """Units are rows of a matrix times the pixels; the head is linear."""

    def __init__(self, rows: Tensor, classes: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows)
        self.head = nn.Linear(len(rows), classes)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.head(x.flatten(1) @ self.rows.T)
        return z


def images(n: int, classes: int, name: str, shift: int = 6) -> Dataset:
    """Grey images of 4x4 pixels, far from 0 and 1; pixel k is lighter for class k."""
    labels = torch.arange(n) % classes
    x = 128 + 10 * torch.randn(n, 1, 4, 4, generator=stream(0, name))
    x.flatten(1)[torch.arange(n), labels] += shift
    return Dataset(x.round().clamp(0, 255).to(torch.uint8), labels, tuple("abcde"[:classes]), name)


def linear_net(classes: int = 3) -> Linear:
    rows = torch.randn(6, 16, generator=stream(0, "rows"))
    rows[0] = torch.eye(16)[1]
    return initialised(0, lambda: Linear(rows, classes))


def units(model: nn.Module, data: Dataset, **more) -> Probes:
    return Probes.fit(represented(model, data), data.labels, len(data.classes), **more)


def test_scale_and_sign_are_those_of_the_balanced_question() -> None:
    data, net = images(3000, 3, "train"), linear_net()
    probes = units(net, data)
    f = probes(represented(net, data))
    for i, positive in enumerate(probes.positive.tolist()):
        mine = data.labels == positive
        high, low = f[mine, i], f[~mine, i]
        assert float(high.mean() + low.mean()) == pytest.approx(0, abs=1e-9)
        assert float((high.square().mean() + low.square().mean()) / 2) == pytest.approx(1)
        assert float(high.mean()) >= 0
    assert int(probes.positive[0]) == 1
    rho = probes.usefulness(represented(net, data), data.labels)
    assert rho[0].value == pytest.approx(float(f[data.labels == 1, 0].mean()))


def test_a_linear_unit_has_the_closed_form() -> None:
    train, test, net = images(3000, 3, "train"), images(600, 3, "test"), linear_net()
    probes = units(net, train)
    for within, dual in ((L2(0.1), 2), (Linf(0.02), 1)):
        found = scores(net, probes, test, within, images=40, steps=10)
        for i, score in enumerate(found):
            taken = within.eps * float((probes.weights[i] @ net.rows.detach().double()).norm(dual))
            assert score.rho.value - score.gamma.value == pytest.approx(taken, rel=1e-4)
            assert score.gamma.n == 40


def test_a_linear_feature_of_the_layer_has_it_too() -> None:
    train, test, net = images(3000, 3, "train"), images(600, 3, "test"), linear_net()
    rows = torch.randn(2, 6, generator=stream(1, "probe"))
    probes = units(net, train, rows=rows, positive=torch.tensor([2, 0]))
    assert probes.positive.tolist() == [2, 0]
    for i, score in enumerate(scores(net, probes, test, L2(0.1), images=40)):
        a = probes.weights[i] @ net.rows.detach().double()
        assert torch.allclose(a / a.norm(), _turned(rows[i] @ net.rows.detach(), a), atol=1e-5)
        assert score.rho.value - score.gamma.value == pytest.approx(0.1 * float(a.norm()), rel=1e-4)


def _turned(row: Tensor, like: Tensor) -> Tensor:
    row = row.double() / row.double().norm()
    return row * (row @ like).sign()


def test_rho_of_a_gaussian_pixel() -> None:
    """Means 6 apart, deviation 10 and rounding 1/12: rho = 3 / sqrt(9 + 100 + 1/12)."""
    train, test, net = images(20_000, 2, "train"), images(20_000, 2, "test"), linear_net(2)
    probes = units(net, train, positive=1)
    rho = probes.usefulness(represented(net, test), test.labels)[0]
    assert rho.low < 3 / math.sqrt(109 + 1 / 12) < rho.high
    assert rho.high - rho.low < 0.04


def test_a_random_unit_is_useless() -> None:
    train, test = images(500, 3, "train", shift=0), images(2000, 3, "test", shift=0)
    rows = torch.randn(100, 16, generator=stream(0, "random"))
    net = initialised(0, lambda: Linear(rows, 3))
    found = units(net, train).usefulness(represented(net, test), test.labels)
    assert sum(u.low > 0 for u in found) / 100 < 0.15  # 16 pixels make 100 units: they agree
    assert abs(sum(u.value for u in found)) / 100 < 0.05


def test_a_dead_unit_is_worth_nothing_and_says_so() -> None:
    net, data = linear_net(), images(300, 3, "train")
    with torch.no_grad():
        net.rows[2] = 0
    probes = units(net, data)
    score = scores(net, probes, data, L2(0.1), images=20)[2]
    assert (score.rho.value, score.gamma.value) == (0, 0)
    assert kind(score) is Kind.USELESS


class Behind(nn.Module):
    """A unit behind a ReLU that is off for every image of class a."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.head(torch.relu(100 * (x.flatten(1)[:, :1] - 0.6)))
        return z


def test_the_search_gets_out_of_a_relu_that_is_off() -> None:
    x = torch.full((40, 1, 2, 2), 128, dtype=torch.uint8)
    x[1::2] = 230
    data = Dataset(x, torch.arange(40) % 2, ("a", "b"), "steps")
    net = Behind()
    probes = units(net, data)
    found = scores(net, probes, data, L2(0.5), images=20)[0]
    assert found.rho.value == pytest.approx(1)
    assert found.gamma.value < 0


def test_gamma_is_at_most_rho_and_falls_with_the_radius() -> None:
    train, test = images(300, 3, "train", shift=60), images(60, 3, "test", shift=60)
    net = initialised(0, lambda: SmallCNN(width=2, classes=3)).train()
    probes = units(net, train)[torch.arange(4)]
    columns = [scores(net, probes, test, L2(eps), images=8, steps=5) for eps in (0.0, 0.3, 1.0)]
    for i in range(4):
        gammas = [column[i].gamma.value for column in columns]
        assert gammas[0] == pytest.approx(columns[0][i].rho.value)
        assert gammas[0] > gammas[1] > gammas[2]
        assert columns[1][i].rho == columns[2][i].rho
    assert net.training


def test_scores_depend_on_the_seed_and_on_nothing_else() -> None:
    train, test, net = images(300, 3, "train"), images(600, 3, "test"), linear_net()
    probes = units(net, train)
    one, two = (scores(net, probes, test, L2(0.1), images=20, batch_size=b) for b in (7, 250))
    assert torch.allclose(torch.tensor(one), torch.tensor(two), atol=1e-5)
    assert scores(net, probes, test, L2(0.1), images=20, seed=1) != two


def test_noise_swamps_a_pixel_as_in_the_closed_form() -> None:
    train, test, net = images(8000, 2, "train"), images(8000, 2, "test"), linear_net(2)
    change = noise(20 / 255)
    r, real = (represented(net, data, change=change) for data in (train, test))
    probes = Probes.fit(r, train.labels, 2, positive=1)
    rho = probes.usefulness(real, test.labels)[0]
    assert rho.low < 3 / math.sqrt(509 + 1 / 12) < rho.high
    assert torch.equal(real, represented(net, test, change=change, batch_size=33))


def test_a_table_counts_kinds() -> None:
    good, bad, none = (Usefulness.exact(v) for v in (0.5, -0.5, 0.0))
    found = table([Score(good, good), Score(good, bad), Score(good, bad), Score(none, none)])
    assert found[Kind.ROBUST].value == found[Kind.USELESS].value == 0.25
    assert found[Kind.NON_ROBUST].value == 0.5
    assert sum(rate.value for rate in found.values()) == 1


def test_shares_of_the_margin_are_the_margin() -> None:
    data, net = images(300, 3, "train", shift=60), linear_net()
    with torch.no_grad():
        net.rows[:3] = torch.eye(16)[:3]
        net.head.weight.zero_()
        net.head.weight[:, :3] = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    shares = margin_shares(net, data)
    assert float(shares.sum()) == pytest.approx(1)
    assert torch.equal(shares[3:], torch.zeros(3, dtype=torch.float64))
    x = data.images.double().flatten(1)
    gaps = [float(x[data.labels == k, k].mean() - x[data.labels != k, k].mean()) for k in range(3)]
    expected = torch.tensor([gap * (k + 1) for k, gap in enumerate(gaps)])
    assert torch.allclose(shares[:3], (expected / expected.sum()).double(), atol=1e-6)


def test_margin_shares_add_up_to_the_mean_margin_of_a_net() -> None:
    data = images(60, 3, "net", shift=60)
    net = initialised(3, lambda: SmallCNN(width=2, classes=3)).eval()
    x = data.images.float() / 255
    with torch.no_grad():
        net.head.weight.copy_(torch.randn(3, 32, generator=stream(0, "head")))
        r = represented(net, data)
        mean = torch.stack([r[data.labels == k].mean(dim=0) for k in range(3)]) - r.mean(dim=0)
        net.head.weight.copy_(mean)  # a head that faces the class means: a positive margin
        z = net(x)
    own = z.gather(1, data.labels[:, None]).squeeze(1)
    margin = float((own - (z.sum(dim=1) - own) / 2).mean())
    by_unit = (net.head.weight.detach() - (net.head.weight.sum(0) - net.head.weight) / 2) * mean
    shares = margin_shares(net, data)
    expected = (by_unit.sum(dim=0) / by_unit.sum()).detach().double()
    assert torch.allclose(shares, expected, atol=1e-4)
    assert margin > 0


def test_refusals() -> None:
    data, net = images(30, 3, "train"), linear_net()
    r = represented(net, data)
    probes = Probes.fit(r, data.labels, 3)
    for call, words in (
        (lambda: Probes.fit(r, data.labels, 4), "of 3 classes"),
        (lambda: Probes.fit(r, data.labels, 3, rows=torch.zeros(2, 5)), "rows"),
        (lambda: Probes.fit(r, data.labels, 3, positive=3), "classes from 0 to 2"),
        (lambda: Probes.fit(r, data.labels, 3, positive=torch.tensor([1, 2])), "one for each"),
        (lambda: scores(net, probes, data, L2(0.1), images=5), "even"),
        (lambda: scores(net, probes, data, L2(0.1), steps=0), "steps"),
        (lambda: scores(net, probes, data, Box()), "no eps"),
        (lambda: scores(net, probes, data.subset(torch.arange(3)), L2(0.1)), "at least two"),
        (lambda: probes.usefulness(r[:1], data.labels[:1]), "both sides"),
        (lambda: noise(-1), "sigma"),
        (lambda: margin_shares(net, data.subset(torch.arange(2))), "some class"),
    ):
        with pytest.raises(InputError, match=words):
            call()


def test_radius_zero_changes_nothing() -> None:
    x = torch.rand(3, 1, 2, 2)
    start, best = _attacked(lambda v: v.flatten(1).sum(1), x, x, L2(0.0), 5)
    assert torch.equal(start, best)
