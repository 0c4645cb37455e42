"""Sanity checks: each fault is seen by the check made for it, and honest nets pass them all."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout

from robustlens.attacks import bind, random_search
from robustlens.balls import L1, L2, Box, Linf
from robustlens.bounds import clopper_pearson
from robustlens.data import Dataset, load
from robustlens.errors import InputError
from robustlens.nets import Normalise
from robustlens.nets import load as load_net
from robustlens.sanity import Check, Outcome, check_model, climb, contests, loss_surface
from robustlens.sanity.answers import (
    alone,
    logit_scale,
    random_output,
    softmax_output,
    training_mode,
)
from robustlens.sanity.check import Subject, p_value
from robustlens.sanity.contests import _contest, everything, softened
from robustlens.sanity.inputs import chain, normalisation
from robustlens.sanity.landscape import exact_loss, roughness
from robustlens.sanity.slopes import broken_gradients, slopes
from robustlens.sanity.suite import CHECKS

ROOT = Path(__file__).parents[2]
EPS = 1.0


class Sharp(nn.Module):
    """Logits times a factor: 1e4 is a temperature of 1e-4."""

    def __init__(self, net: nn.Module, factor: float) -> None:
        super().__init__()
        self.net, self.factor = net, factor

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) * self.factor


class Quantised(nn.Module):
    """Pixels rounded to a few levels; `straight` pretends on the way back that they are not."""

    def __init__(self, net: nn.Module, levels: int, straight: bool = False) -> None:
        super().__init__()
        self.net, self.levels, self.straight = net, levels, straight

    def forward(self, x: Tensor) -> Tensor:
        rounded = (x * (self.levels - 1)).round() / (self.levels - 1)
        return self.net(x + (rounded - x).detach() if self.straight else rounded)


class LeftOn(nn.Module):
    """Dropout that stays active in evaluation mode."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(dropout(x, 0.2, training=True))


FAULTS = {
    "temperature": (lambda net: Sharp(net, 1e4), "cross-entropy has a gradient where the margin"),
    "quantised": (lambda net: Quantised(net, 8), "images have gradients"),
    "straight-through": (lambda net: Quantised(net, 8, True), "the gradient agrees"),
    "dropout": (LeftOn, "the same image gets the same answer"),
    "normalised twice": (
        lambda net: nn.Sequential(Normalise((0.5,), (0.25,)), net),
        "normalisation is inside the model, once",
    ),
    "softmax": (lambda net: nn.Sequential(net, nn.Softmax(1)), "the output is logits"),
}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the attacks of the suite short, so that a test takes a second."""
    for name, value in {"STEPS": 10, "FEW": 4, "TRIES": 3, "QUERIES": 24}.items():
        monkeypatch.setattr(contests, name, value)


@pytest.fixture
def data(trained, short) -> Dataset:
    images = (trained.x * 255).round().to(torch.uint8)
    return Dataset(images, trained.y, tuple("0123456789"), "part")


@pytest.fixture
def subject(trained) -> Subject:
    return Subject.of(trained.model, trained.x[:20], trained.y[:20], L2(EPS), 0)


def warnings(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if check.warned]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen(fault: str, trained, data: Dataset) -> None:
    wrap, name = FAULTS[fault]
    found = warnings(check_model(wrap(trained.model).eval(), data, L2(EPS), images=40))
    assert any(warned.startswith(name) for warned in found), found


@pytest.mark.parametrize("ball", [L2(EPS), Linf(0.05), L1(10.0)], ids=str)
def test_an_honest_net_passes(ball, trained, data: Dataset) -> None:
    checks = check_model(trained.model, data, ball, images=40)
    assert len(checks) == CHECKS
    assert [check.outcome for check in checks] == [Outcome.PASSED] * CHECKS
    assert len({check.name for check in checks}) == CHECKS
    for check in checks:
        assert check.numbers
        assert check.meaning.endswith(".")
        assert check.advice.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "name", "ball"),
    [
        ("weights/cifar10-l2-0.5.safetensors", "cifar10", L2(0.5)),
        ("weights/cifar10-l2-0.5.safetensors", "cifar10", Linf(8 / 255)),
        ("runs/models/cifar10-standard-785e76c5/weights.safetensors", "cifar10", L2(0.5)),
        ("runs/models/fashion-adversarial-81f24f5a/weights.safetensors", "fashion", L2(1.5)),
    ],
)
def test_trained_nets_pass(path: str, name: str, ball, big: Path) -> None:
    if not (ROOT / path).is_file():
        pytest.skip(f"{path} has not been trained here")
    checks = check_model(load_net(ROOT / path).model, load(name, "test"), ball, images=64)
    assert not warnings(checks)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_robust_net_is_seen(fault: str, big: Path) -> None:
    wrap, name = FAULTS[fault]
    net = load_net(ROOT / "weights/cifar10-l2-0.5.safetensors").model
    if fault == "normalised twice":
        wrap = lambda net: nn.Sequential(Normalise((0.5,) * 3, (0.25,) * 3), net)  # noqa: E731
    found = warnings(check_model(wrap(net).eval(), load("cifar10", "test"), L2(0.5), images=50))
    assert any(warned.startswith(name) for warned in found), found


def test_the_masked_net_loses_to_all_that_do_not_need_its_gradient(trained, data) -> None:
    masked = Sharp(trained.model, 1e4).eval()
    noise = bind(random_search, L2(EPS), tries=3)
    checks = check_model(
        masked, data, L2(EPS), images=40, rivals=(noise,), surrogates=(trained.model,)
    )
    found = warnings(checks)
    assert {
        "an unbounded attack breaks every image",
        "the margin is no better a loss",
        "a softened copy is no better to attack",
        "transfer from surrogate 1 is no stronger",
    } <= set(found)
    assert checks[-1].name == f"{noise} is no stronger"
    assert not checks[-1].warned
    assert "WARNED" in str(next(check for check in checks if check.warned))


def test_nothing_is_left_changed(trained, data: Dataset) -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(1), trained.model)
    model[2].eval()
    modes = [m.training for m in model.modules()]
    wants = [p.requires_grad for p in model.parameters()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    checks = check_model(model, data, Linf(0.05), images=12)
    assert {"the same image gets the same answer", "the model is in evaluation mode"} <= set(
        warnings(checks)
    )
    assert [m.training for m in model.modules()] == modes
    assert [p.requires_grad for p in model.parameters()] == wants
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_the_same_seed_gives_the_same_checks(trained, data: Dataset) -> None:
    first, second = (check_model(trained.model, data, Linf(0.05), images=12) for _ in range(2))
    assert first == second


def test_a_plain_function_without_gradients_is_checked(trained, data: Dataset) -> None:
    def bytes_only(x: Tensor) -> Tensor:
        with torch.no_grad():
            return trained.model((x * 255).round().byte().float() / 255)

    found = warnings(check_model(bytes_only, data, L2(EPS), images=40))
    assert {"images have gradients", "an unbounded attack breaks every image"} <= set(found)


def test_few_right_images_make_no_contest(trained, data: Dataset) -> None:
    checks = check_model(trained.model, data, L2(EPS), images=5)
    assert Outcome.SKIPPED in {check.outcome for check in checks}
    for check in (check for check in checks if check.outcome is Outcome.SKIPPED):
        assert str(check) == f"SKIPPED  {check.name}: {check.meaning}"
        assert check.meaning.endswith(".")
    wrong = Dataset(data.images, (data.labels + 1) % 10, data.classes, "wrong")
    last = check_model(trained.model, wrong, L2(EPS), images=5)[-1]
    assert last.outcome is Outcome.SKIPPED
    assert "none" in last.meaning


def test_other_balls_are_refused(trained, data: Dataset) -> None:
    with pytest.raises(InputError, match="Linf, L2 or L1"):
        check_model(trained.model, data, Box())
    with pytest.raises(InputError, match="logits of shape"):
        check_model(lambda x: x, data, L2(1.0), images=3)


class Wrapped(nn.Module):
    """The net's answer in another form, or with the images written over."""

    def __init__(self, net: nn.Module, form: str) -> None:
        super().__init__()
        self.net, self.form = net, form

    def forward(self, x: Tensor) -> Any:
        if self.form == "writes":
            return self.net(x.mul_(2).div_(2).clone().add_(0 * x.zero_()))
        z = self.net(x)
        match self.form:
            case "dict":
                return {"loss": z.sum(), "logits": z}
            case "object":
                return SimpleNamespace(logits=z, hidden=x)
            case "tuple":
                return z, x
            case _:
                return z.to(getattr(torch, self.form))


@pytest.mark.filterwarnings("ignore:the model returns")
@pytest.mark.parametrize("form", ["dict", "object", "tuple", "writes", "float64"])
def test_the_answer_may_come_in_any_form(form: str, trained, data: Dataset) -> None:
    plain = check_model(trained.model, data, L2(EPS), images=16)
    found = check_model(Wrapped(trained.model, form).eval(), data, L2(EPS), images=16)
    for ours, theirs in zip(plain, found, strict=True):
        assert theirs.outcome is ours.outcome, theirs
        tolerance = 0.02 if form == "float64" else 0
        assert theirs.numbers == pytest.approx(ours.numbers, abs=tolerance), ours.name


@pytest.mark.filterwarnings("ignore:the model returns")
@pytest.mark.parametrize("form", ["dict", "object", "tuple", "writes"])
def test_a_check_alone_and_a_surface_read_any_form(form: str, trained) -> None:
    net, x, y = Wrapped(trained.model, form).eval(), trained.x[:8], trained.y[:8]
    before = x.clone()
    assert not alone(net, x).warned
    assert not random_output(net, x).warned
    assert not training_mode(net, x).warned
    assert not normalisation(net, x, y).warned
    surface = loss_surface(net, x[:1], y[:1], L2(EPS), points=3)
    assert torch.equal(
        surface.loss, loss_surface(trained.model, x[:1], y[:1], L2(EPS), points=3).loss
    )
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("against", "outcome"),
    [
        (0, Outcome.PASSED),
        (4, Outcome.PASSED),
        (5, Outcome.UNDECIDED),
        (6, Outcome.UNDECIDED),
        (9, Outcome.UNDECIDED),
        (10, Outcome.WARNED),
        (30, Outcome.WARNED),
    ],
)
def test_a_contest_names_its_threshold_and_its_interval(against: int, outcome: Outcome) -> None:
    weak = torch.arange(64) < against
    check = _contest("scores alone", ("200 queries", weak), ("PGD-20", torch.zeros_like(weak)))
    assert check.outcome is outcome
    assert check.numbers["p"] == pytest.approx(2.0**-against)
    interval = clopper_pearson(against, 64)
    assert check.numbers["share only the first breaks, low"] == interval.low
    assert check.numbers["share only the first breaks, high"] == interval.high
    said = str(check)
    assert "(warns where p < 0.001, undecided where p < 0.05;" in said
    assert ("Ask again with more images" in said) == (outcome is Outcome.UNDECIDED)
    assert (check.advice in said) == (outcome is Outcome.WARNED)


def test_a_softmax_in_double_precision_is_seen(trained, data: Dataset) -> None:
    soft = nn.Sequential(Wrapped(trained.model, "float64"), nn.Softmax(1)).eval()
    assert "the output is logits" in warnings(check_model(soft, data, L2(EPS), images=12))


def test_every_check_says_its_rule(trained, data: Dataset) -> None:
    for check in check_model(trained.model, data, L2(EPS), images=16):
        assert check.rule.startswith("warns where ")
        assert f"({check.rule})" in str(check)


def test_mcnemar_by_hand() -> None:
    assert p_value(0, 0) == 1
    assert p_value(10, 0) == pytest.approx(2**-10)
    assert p_value(3, 1) == pytest.approx((4 + 1) / 16)
    assert p_value(0, 7) == 1


def test_outputs_are_judged_by_their_rows() -> None:
    z = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    assert not softmax_output(z).warned
    assert softmax_output(z.softmax(dim=1)).warned
    assert not softmax_output(z.sigmoid()).warned
    y = z.argmax(dim=1)
    assert not logit_scale(z, y).warned
    assert logit_scale(1000 * z, y).warned
    assert logit_scale(1e-4 * z, y).warned


def test_batch_norm_on_batches_is_seen(trained) -> None:
    def centred(x: Tensor) -> Tensor:
        z = trained.model(x)
        return z - z.mean(dim=0)

    assert alone(centred, trained.x[:8]).warned
    assert not alone(trained.model, trained.x[:8]).warned
    assert not random_output(trained.model, trained.x[:8]).warned
    trained.model.train()
    try:
        assert training_mode(trained.model, trained.x[:8]).warned
    finally:
        trained.model.eval()


def test_a_container_in_training_mode_alone_is_no_fault(trained) -> None:
    wrapped = nn.Sequential(trained.model)
    assert wrapped.training
    assert not training_mode(wrapped, trained.x[:8]).warned


@pytest.mark.parametrize(
    ("mistake", "seen", "advised"),
    [
        (lambda x: x / 255, "multiplied by 255: it seems made for", "Multiply by 255 inside"),
        (lambda x: 255 * x, "divided by 255: it seems to rescale", "divide by 255 inside"),
        (lambda x: (x - 0.5) / 0.25, r"un-normalised by .*\(0.5,\), \(0.25,\)", "Take out"),
        (
            lambda x: 0.3530 * x + 0.2860,
            "they are normalised by .*it seems made for",
            r"nothing in the model normalises, .*normalised\(model, \(0\.[23]",
        ),
    ],
    ids=["made for 0 to 255", "multiplied by 255", "normalised twice", "made for normalised"],
)
def test_wrong_inputs_are_seen_and_the_advice_is_true(mistake, seen, advised, trained) -> None:
    check = normalisation(lambda x: trained.model(mistake(x)), trained.x, trained.y)
    assert check.warned
    assert check.numbers["accuracy rescaled"] > check.numbers["accuracy"] + 0.15
    assert re.search(seen, check.meaning), check.meaning
    assert re.search(advised, check.advice), check.advice


def test_the_advice_to_normalise_inside_mends_the_model(trained) -> None:
    made_for = lambda z: trained.model(0.3530 * z + 0.2860)  # noqa: E731
    found = re.search(r"normalised\(model, \((.*),\), \((.*),\)\)", normalisation(
        made_for, trained.x, trained.y
    ).advice)  # fmt: skip
    assert found is not None
    mean, std = map(float, found.groups())
    mended = nn.Sequential(Normalise((mean,), (std,)), Called(made_for))
    assert not normalisation(mended, trained.x, trained.y).warned


def test_two_normalising_layers_are_told_to_be_one(trained) -> None:
    flat = [Normalise((0.0,), (1.0,)) for _ in range(2)]
    check = normalisation(nn.Sequential(*flat, trained.model), trained.x, trained.y)
    assert check.warned
    assert "reads what another one gives" in check.meaning
    assert "Keep one of them" in check.advice
    assert not normalisation(trained.model, trained.x, trained.y).warned


class Called(nn.Module):
    """A function as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def test_normalising_layers_in_a_chain_are_counted(trained) -> None:
    x = trained.x[:1]
    assert chain(trained.model, x) == 0
    assert chain(lambda z: z, x) == 0
    one = nn.Sequential(Normalise((0.5,), (0.25,)), nn.Conv2d(1, 1, 3), Normalise((0.5,), (0.25,)))
    assert chain(one, x) == 0
    assert chain(nn.Sequential(Normalise((0.5,), (0.25,)), nn.Identity(), one), x) == 1


def test_a_model_that_refuses_other_pixels_is_not_wrong(trained) -> None:
    def strict(x: Tensor) -> Tensor:
        if float(x.min()) < 0 or float(x.max()) > 1:
            raise ValueError("pixels outside [0, 1]")
        return trained.model(x)

    assert not normalisation(strict, trained.x[:20], trained.y[:20]).warned


def test_broken_gradients_are_seen() -> None:
    good = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    infinite, even = good.clone(), good.clone()
    infinite[0, 0, 0, 0] = torch.nan
    even[3] = 0.5
    assert not broken_gradients(good, good).warned
    assert broken_gradients(good, infinite).warned
    assert broken_gradients(even, good).warned


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_finite_differences_of_a_linear_model_are_exact(linear, scale: float) -> None:
    g = torch.Generator().manual_seed(0)
    x = torch.rand(12, 1, 5, 5, generator=g)
    model = linear(scale * torch.randn(25, generator=g)).eval()
    y = model(x).argmax(dim=1)
    checks = {c.name: c for c in slopes(Subject.of(model, x, y, L2(1.0), 0))}
    check = checks["the gradient agrees with finite differences"]
    assert check.numbers["median of measured / promised"] == pytest.approx(1, abs=0.02)
    assert not check.warned


def test_roughness_tells_lines_from_steps_and_noise(subject: Subject, trained) -> None:
    assert not roughness(subject).warned

    def steps(x: Tensor) -> Tensor:
        z = trained.model(x)
        return z + ((z / 2).round() * 2 - z).detach()

    for model, number in (
        (steps, "median share of flat steps"),
        (LeftOn(trained.model), "median roughness"),
    ):
        with torch.random.fork_rng(devices=[]):
            check = roughness(Subject(model, subject.x, subject.y, L2(EPS), 0))
        assert check.warned, check
        assert check.numbers[number] > 0.5


def test_the_loss_surface_of_a_linear_model(linear) -> None:
    g = torch.Generator().manual_seed(0)
    w, x = torch.randn(25, generator=g), torch.rand(1, 1, 5, 5, generator=g)
    model = linear(w).eval()
    y = model(x).argmax(dim=1)
    found = loss_surface(model, x, y, L2(0.5), points=5, reach=2.0)
    assert found.direction == "cross-entropy"
    assert found.along == found.across == (-2.0, -1.0, 0.0, 1.0, 2.0)
    assert found.loss.shape == (5, 5)
    assert float(found.loss[2, 2]) == pytest.approx(
        float(cross_entropy(model(x), y).detach()), rel=1e-5
    )
    margins = torch.expm1(found.loss[2].double()).log()
    assert torch.allclose(margins.diff(), (0.5 * w.norm()).double().expand(4), rtol=1e-4)


@pytest.mark.parametrize(
    ("wrap", "direction"),
    [
        (lambda net: Sharp(net, 1e4), "margin"),
        (lambda net: Quantised(net, 8), "none"),
        (lambda net: lambda x: net(x).detach(), "none"),
    ],
)
def test_a_surface_without_gradient_says_so(wrap, direction: str, trained) -> None:
    model = wrap(trained.model)
    z = trained.model(trained.x).detach()
    at = int((z.topk(2).values.diff(dim=1).abs()[:, 0]).argmax())
    found = loss_surface(model, trained.x[at : at + 1], trained.y[at : at + 1], L2(EPS), points=3)
    assert found.direction == direction
    assert bool(found.loss.isfinite().all())


def test_a_surface_is_around_one_image(trained) -> None:
    with pytest.raises(InputError, match="one image"):
        loss_surface(trained.model, trained.x[:2], trained.y[:2], L2(EPS))
    with pytest.raises(InputError, match="two points"):
        loss_surface(trained.model, trained.x[:1], trained.y[:1], L2(EPS), points=1)


def test_exact_loss_keeps_what_cross_entropy_loses() -> None:
    z, y = torch.tensor([[0.0, 1.0, -1.0], [30.0, 0.0, 0.0]]), torch.tensor([1, 0])
    assert float(cross_entropy(z[1:], y[1:])) == 0
    want = cross_entropy(z.double(), y, reduction="none")
    assert torch.allclose(exact_loss(z, y).double(), want, rtol=1e-5)


def test_a_ball_of_everything_and_a_softer_copy() -> None:
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for ball in (Linf(0.1), L2(0.1), L1(0.1)):
        whole = everything(ball, x)
        assert type(whole) is type(ball)
        assert torch.equal(whole.project(1 - x.round(), x), 1 - x.round())
    sharp = lambda z: 1e4 * z.mean(dim=(2, 3))  # noqa: E731
    gap = softened(sharp, x)(x).topk(2, dim=1).values.diff(dim=1).abs().median()
    assert float(gap) <= 1.001
    sure = lambda z: (40 * z.mean(dim=(2, 3))).softmax(dim=1)  # noqa: E731
    assert torch.equal(softened(sure, x)(x).argmax(dim=1), sure(x).argmax(dim=1))


# The contract of attacks, for the small one of this package.


def random_model(classes: int, channels: int):
    weights = torch.randn(classes, channels * 64, generator=torch.Generator().manual_seed(1))
    return lambda x: (x.flatten(1)[:, None] * weights.to(x.dtype)).sum(dim=-1)


@pytest.mark.parametrize("ball", [Linf(0.05), L2(0.5), L1(4.0)], ids=str)
@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (3, 3), (10, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_climb_keeps_the_contract(ball, classes: int, channels: int, dtype, generator) -> None:
    model = random_model(classes, channels)
    for size in (0, 1, 7):
        x = torch.rand(size, channels, 8, 8, generator=generator, dtype=dtype)
        y, before = model(x).argmax(dim=1), x.clone()
        runs = [
            climb.found(model, x, y, ball, queries=30, generator=torch.Generator().manual_seed(3))
            for _ in range(2)
        ]
        found = runs[0]
        assert all(torch.equal(a, b) for a, b in zip(runs[0][:3], runs[1][:3], strict=True))
        assert torch.equal(x, before)
        assert found.images.dtype == dtype
        assert not found.images.requires_grad
        assert bool((ball.distance(found.images, x) <= ball.eps + 1e-6 * max(1, ball.eps)).all())
        assert bool(((found.images >= 0) & (found.images <= 1)).all())
        assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)
        assert torch.equal(found.images[~found.done], x[~found.done])
        assert torch.equal(found.step >= 0, found.done)


def test_climb_gives_an_image_the_same_in_any_batch(generator) -> None:
    model = random_model(5, 1)
    x = torch.rand(12, 1, 8, 8, generator=generator)
    y = model(x).argmax(dim=1)
    whole = climb.found(
        model, x, y, L2(0.3), queries=40, generator=torch.Generator().manual_seed(3)
    )
    assert 0 < int(whole.done.sum()) < len(x)
    for i in range(len(x)):
        one = climb.found(
            model, x[i : i + 1], y[i : i + 1], L2(0.3), queries=40,
            generator=torch.Generator().manual_seed(3),
        )  # fmt: skip
        assert torch.equal(one.images[0], whole.images[i])
        assert int(one.step) == int(whole.step[i])


def test_climb_leaves_what_is_wrong_and_refuses_no_queries(generator) -> None:
    model = random_model(3, 1)
    x = torch.rand(4, 1, 8, 8, generator=generator)
    y = (model(x).argmax(dim=1) + 1) % 3
    found = climb.found(model, x, y, Linf(0.1), generator=generator)
    assert torch.equal(found.images, x)
    assert found.step.tolist() == [0] * 4
    with pytest.raises(InputError, match="at least 1"):
        climb(model, x, y, Linf(0.1), queries=0, generator=generator)
