"""Every attack on models that misbehave: the right number, or a refusal in words."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import (
    apgd,
    apgd_targeted,
    autoattack,
    bind,
    carlini_wagner,
    ddn,
    deepfool,
    fab,
    fgsm,
    fmn,
    hopskipjump,
    mi_fgsm,
    pgd,
    pgd_kl,
    random_search,
    square,
    transfer,
    twin_of,
    worst_of,
)
from robustlens.attacks.method import flat_expected, guarded, nothing_found
from robustlens.balls import L1, L2, Linf
from robustlens.data import Dataset
from robustlens.errors import Doubtful, InputError, NoGradient
from robustlens.evaluation import (
    accuracy,
    attacked_accuracy,
    robustness_curve,
    transfer_matrix,
)
from robustlens.evaluation.records import UNATTACKED
from robustlens.objectives import dlr, margin
from robustlens.streams import stream

SHORT: dict[Any, dict[str, int]] = {
    fgsm: {},
    mi_fgsm: {},
    pgd: {"steps": 5},
    apgd: {"steps": 6},
    apgd_targeted: {"steps": 4, "targets": 2},
    fab: {"steps": 6, "targets": 2},
    square: {"queries": 20},
    random_search: {"tries": 5},
    deepfool: {"steps": 4},
    ddn: {"steps": 8},
    fmn: {"steps": 8},
    carlini_wagner: {"steps": 4, "searches": 2},
    hopskipjump: {"queries": 120},
}
NORMS = {deepfool: (Linf, L2), ddn: (L2,), carlini_wagner: (L2,), hopskipjump: (Linf, L2)}
PAIRS = [(method, norm) for method in SHORT for norm in NORMS.get(method, (Linf, L2, L1))]
every = pytest.mark.parametrize(
    ("method", "norm"), PAIRS, ids=[f"{m.__name__}-{n.__name__}" for m, n in PAIRS]
)
SIZE = {Linf: 0.1, L2: 0.6, L1: 3.0}
x = 0.2 + 0.6 * torch.rand(6, 3, 6, 6, generator=stream(3))
W = torch.randn(108, 4, generator=stream(4))


def net(x: Tensor) -> Tensor:
    return (x - 0.5).flatten(1) @ W


Y = net(x).argmax(dim=1)


def run(method: Any, model: Any, ball: Any, y: Tensor = Y, **settings: Any) -> Any:
    given = x.clone()
    found = method.found(model, given, y, ball, generator=stream(0), **SHORT[method] | settings)
    assert torch.equal(given, x)
    assert found.images.isfinite().all()
    assert (ball.distance(found.images, x) <= ball.eps * (1 + 1e-5) + 1e-5).all()
    return found


class Root(nn.Module):
    """The net, plus a root of pixels whose slope at 0 is infinite, times 0."""

    def __init__(self, pixels: slice) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, x: Tensor) -> Tensor:
        z = net(x)
        root = (0 * x.flatten(1)[:, self.pixels]).sqrt().sum(dim=1, keepdim=True)
        return z + root.expand_as(z)


@every
@pytest.mark.parametrize("pixels", [slice(0, 1), slice(None)], ids=["one", "all"])
def test_a_gradient_that_is_not_finite_counts_as_zero(
    method: Any, norm: Any, pixels: slice
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Doubtful)
        found = run(method, Root(pixels), norm(SIZE[norm]))
        still = run(method, Root(pixels), norm(0.0))
    assert torch.equal(found.done, net(found.images).argmax(dim=1) != Y)
    assert not still.done.any()


def test_points_without_a_finite_gradient_are_counted_and_told() -> None:
    with pytest.warns(Doubtful, match="6 of 6 images"):
        found = run(pgd, Root(slice(0, 1)), L2(0.01))
    assert found.not_finite.tolist() == [5] * 6  # the last point is looked at without a gradient


def holed(x: Tensor) -> Tensor:
    """Decide for class 1 everywhere, with no answer at all where a pixel is above 0.85."""
    z = 0 * x.flatten(1)[:, :4] + 5 * torch.eye(4)[1]
    return torch.where((x.amax(dim=(1, 2, 3)) > 0.85)[:, None], torch.nan, z)


@every
@pytest.mark.parametrize("hole", [torch.nan, torch.inf])
def test_no_answer_is_no_success(method: Any, norm: Any, hole: float) -> None:
    y, ball = torch.ones(6, dtype=torch.int64), norm(4 * SIZE[norm])

    def model(x: Tensor) -> Tensor:
        z = holed(x)
        return torch.where(z.isnan(), z.new_tensor([hole, 0, 0, 0]), z)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Doubtful)
        found = run(method, model, ball, y)
    assert not found.done.any()
    assert torch.equal(found.images, x)


@pytest.mark.parametrize("method", [pgd, random_search, square, fab, hopskipjump, fmn])
def test_points_without_an_answer_are_counted(method: Any) -> None:
    y = torch.ones(6, dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Doubtful)
        far = run(method, lambda x: torch.where(x.mean() > -1, holed(x + 0.8), 0.0), Linf(0.1), y)
    assert (far.not_finite > 0).all()


@every
def test_a_model_that_writes_into_its_input_is_attacked_as_it_is(method: Any, norm: Any) -> None:
    def clean(x: Tensor) -> Tensor:
        return net(x[:, [2, 1, 0]])

    def writes(x: Tensor) -> Tensor:
        x[:, [0, 2]] = x[:, [2, 0]]
        return net(x)

    y = clean(x).argmax(dim=1)
    one, other = (run(method, model, norm(SIZE[norm]), y) for model in (clean, writes))
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.done, other.done)


SHIFTS = {
    "constant": lambda z: z + 30000.0,
    "bfloat16": lambda z: (20 * z).bfloat16(),
    "float16": lambda z: z.half(),
    "ruled out": lambda z: torch.cat([z, torch.full_like(z[:, :1], -torch.inf)], dim=1),
    "masked": lambda z: torch.cat([z, torch.full_like(z[:, :1], -1e9)], dim=1),
    "float64": lambda z: z.double(),
}


@every
@pytest.mark.filterwarnings("ignore:.* exactly 0 at every point of a walk")
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
def test_a_decision_is_not_a_margin(method: Any, norm: Any, shift: Any) -> None:
    """Logits that decide the same are broken as often, at a radius where a linear net is lost."""
    ball = norm(2 * SIZE[norm])
    plain = run(method, net, ball)
    shifted = run(method, lambda x: shift(net(x)), ball)
    assert int(shifted.done.sum()) >= int(plain.done.sum()) - 1
    assert (shift(net(shifted.images)).argmax(dim=1) != Y)[shifted.done].all()


@every
@pytest.mark.parametrize("label", [-1, -100, 4])
def test_labels_that_are_no_class_are_refused(method: Any, norm: Any, label: int) -> None:
    y = Y.clone()
    y[2] = label
    with pytest.raises(InputError, match=f"label {label}"):
        method(net, x, y, norm(0.1), generator=stream(0), **SHORT[method])


def test_one_logit_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"nets\.two_classes"):
        pgd(lambda x: net(x)[:, :1], x, 0 * Y, L2(0.1), generator=stream(0))


BLIND = {
    "no_grad": torch.no_grad()(net),
    "detach": lambda x: net(x.detach()),
    "one-hot": lambda x: 3 * nn.functional.one_hot(net(x).argmax(1), 4),
    "no part": lambda x: net(torch.ones_like(x)) + nn.Parameter(torch.zeros(4)),
    "reentrant": lambda x: torch.utils.checkpoint.checkpoint(net, x, use_reentrant=True),
}


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("model", BLIND.values(), ids=BLIND)
def test_a_model_without_a_gradient_is_attacked_by_what_needs_none(model: Any) -> None:
    y = model(x).argmax(dim=1)
    for method in (pgd, apgd, fab, deepfool, ddn):
        with pytest.raises(NoGradient, match="square"):
            run(method, model, L2(3.0), y)
    run(square, model, L2(3.0), y, queries=300)
    run(hopskipjump, model, L2(3.0), y)
    with pytest.warns(Doubtful, match="Left out"):
        found = autoattack.found(model, x, y, L2(3.0), generator=stream(0))
    assert set(found.by) <= {"", "square", "as it is"}
    with pytest.raises(NoGradient):
        worst_of(bind(pgd, L2(1.0)), bind(fab, L2(1.0))).found(model, x, y, stream(0))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_mode_of_the_caller_does_not_matter(mode: Any) -> None:
    want = run(pgd, net, L2(0.5))
    with mode():
        got = pgd.found(net, x + 0, Y, L2(0.5), steps=5, generator=stream(0))
    assert torch.equal(got.images, want.images)


class Constants(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(64, 4)
        mean, std = torch.full((1, 3, 1, 1), 0.5), torch.full((1, 3, 1, 1), 0.25)
        if kind == "plain":
            self.mean, self.std = mean, std
        else:
            grown = kind == "trained"
            self.mean = nn.Parameter(mean, requires_grad=grown)
            self.std = nn.Parameter(std, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv((x - self.mean) / self.std).relu().flatten(1))


@pytest.mark.parametrize("kind", ["plain", "frozen", "trained"])
def test_constants_of_any_kind_have_a_twin(kind: str) -> None:
    model = Constants(kind).eval()
    twin = twin_of(model, x)
    assert twin is not None
    assert (twin(x) - model(x)).abs().max() < 0.1
    assert all(p.dtype == torch.float32 for p in model.parameters())


class Inside(nn.Module):
    """A net whose middle does what a rounded copy cannot."""

    def __init__(self, middle: Any) -> None:
        super().__init__()
        self.net, self.middle = Constants("plain"), middle
        self.parts = [nn.Linear(4, 4)]  # not registered: a copy keeps it in float32
        self.seen: Any = None

    def forward(self, x: Tensor) -> Tensor:
        return self.middle(self, self.net(x))


def _store(model: Any, z: Tensor) -> Tensor:
    model.seen = z
    return z


BRITTLE = {
    "cast": lambda m, z: z.float() @ torch.eye(4) if z.dtype == torch.float32 else m.crash(),
    "fft": lambda m, z: torch.fft.irfft(torch.fft.rfft(z), n=4),
    "linalg": lambda m, z: torch.linalg.solve(torch.eye(4, dtype=z.dtype), z[..., None])[..., 0],
    "list": lambda m, z: m.parts[0](z),
}


@pytest.mark.parametrize("middle", BRITTLE.values(), ids=BRITTLE)
def test_a_net_that_cannot_be_copied_has_no_twin_and_is_attacked_all_the_same(middle: Any) -> None:
    model = Inside(middle).eval()
    model(x)
    with pytest.warns(Doubtful, match="no fast twin"):
        assert twin_of(model, x) is None
    y = model(x).argmax(dim=1)
    with pytest.warns(Doubtful, match="no fast twin"):
        found = autoattack.found(model, x, y, L2(0.3), generator=stream(0))
    assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)


def test_a_stored_activation_does_not_hinder() -> None:
    model = Inside(_store).eval()
    y = model(x).argmax(dim=1)
    assert model.seen.requires_grad
    found = autoattack.found(model, x, y, L2(0.3), generator=stream(0))
    assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_hooks_and_scripts_have_no_twin() -> None:
    hooked, seen = Constants("plain").eval(), list[Tensor]()
    hooked.conv.register_forward_hook(lambda module, given, output: seen.append(output))
    scripted = torch.jit.script(Constants("plain").eval())
    for model, why in ((hooked, "hooks"), (scripted, "TorchScript")):
        with pytest.warns(Doubtful, match=why):
            assert twin_of(model, x) is None


def data_of(y: Tensor) -> Dataset:
    return Dataset((x * 255).round().to(torch.uint8), y, tuple("abcd"), "made")


@pytest.mark.filterwarnings("ignore:.* exactly 0 at every point of a walk")
def test_a_hole_in_the_ball_ends_no_evaluation_and_stands_in_the_rows() -> None:
    data = data_of(torch.ones(6, dtype=torch.int64))
    with pytest.warns(Doubtful, match="not finite"):
        result = attacked_accuracy(holed, data, bind(pgd, Linf(0.4), steps=5), seed=0)
    assert result.rate.value == result.clean.value == 1.0
    assert all(record.not_finite > 0 for record in result.records)
    assert all(record.attacked == 1 for record in result.records)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Doubtful)
        curve = robustness_curve(holed, data, "linf", [0.1, 0.4])
    assert [rate.value for rate in curve.rates] == [1.0, 1.0]


def test_an_image_without_an_answer_is_wrong() -> None:
    data = data_of(torch.ones(6, dtype=torch.int64))
    data.images[2] = 255
    with pytest.warns(Doubtful, match="1 of 6"):
        result = accuracy(holed, data)
    assert result.rate.value == 5 / 6
    assert result.records[2].clean == -1
    assert int(result.confusion(4).sum()) == 5


@pytest.mark.filterwarnings("ignore:.* exactly 0 at every point of a walk")
@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_what_has_no_answer_counts_by_the_run_and_not_by_the_batch(size: int) -> None:
    data = data_of(torch.ones(6, dtype=torch.int64))
    data.images[[2, 3, 5]] = 255
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Doubtful)
        result = accuracy(holed, data, batch_size=size)
        attacked = attacked_accuracy(
            holed, data, bind(pgd, Linf(0.01), steps=2), seed=0, batch_size=size
        )
        curve = robustness_curve(holed, data, "linf", [0.0, 0.01], batch_size=size)
    assert [r.clean for r in result.records] == [1, 1, -1, -1, 1, -1]
    assert [r.by for r in attacked.records] == ["", "", UNATTACKED, UNATTACKED, "", UNATTACKED]
    assert [rate.value for rate in curve.rates] == [0.5, 0.5]


@pytest.mark.filterwarnings("ignore:.* exactly 0 at every point of a walk")
@pytest.mark.filterwarnings("ignore:.* met points at which")
def test_a_model_that_answers_to_no_image_is_refused() -> None:
    data = data_of(torch.ones(6, dtype=torch.int64))

    def lost(x: Tensor) -> Tensor:
        return net(x) * torch.nan

    ways = (
        lambda: accuracy(lost, data, batch_size=4),
        lambda: attacked_accuracy(lost, data, bind(pgd, L2(0.1)), seed=0, batch_size=4),
        lambda: robustness_curve(lost, data, "l2", [0.1]),
        lambda: transfer_matrix({"a": net, "b": lost}, data, bind(pgd, L2(0.1)), seed=0),
    )
    for way in ways:
        with (
            pytest.warns(Doubtful, match="count as wrong"),
            pytest.raises(InputError, match="not finite for 6 of 6 images"),
        ):
            way()


@pytest.mark.parametrize("ball", [Linf(1e-6), Linf(9e-5), L2(1e-5), L2(9e-4), L1(1e-4), L1(9e-3)])
def test_what_is_outside_is_outside_in_small_balls_too(ball: Any) -> None:
    data = data_of(torch.zeros(6, dtype=torch.int64))

    def off_the_grid(x: Tensor) -> Tensor:
        off = (x * 255 - (x * 255).round()).abs().amax(dim=(1, 2, 3))
        return torch.stack([torch.full_like(off, 0.01), off], dim=1)

    def moved(model: Any, x: Tensor, y: Tensor, ball: Any, *, generator: Any) -> Tensor:
        return x + 1e-4

    with pytest.raises(InputError, match="outside what the attack may return"):
        attacked_accuracy(off_the_grid, data, bind(moved, ball), seed=0)
    just = type(ball)(float(ball.distance(torch.full_like(x, 1e-4), 0 * x)[0]))
    assert attacked_accuracy(off_the_grid, data, bind(moved, just), seed=0).rate.value == 0.0


def test_an_attack_that_leaves_its_ball_or_the_images_is_refused() -> None:
    data = data_of(Y)

    def far(model: Any, x: Tensor, y: Tensor, ball: Any, *, generator: Any) -> Tensor:
        return 1 - x

    def outside(model: Any, x: Tensor, y: Tensor, generator: Any) -> Tensor:
        return x + 2.0

    def nothing(model: Any, x: Tensor, y: Tensor, generator: Any) -> Tensor:
        return x * torch.nan

    for attack in (bind(far, L2(0.01)), outside):
        with pytest.raises(InputError, match="outside what the attack may return"):
            attacked_accuracy(net, data, attack, seed=0)
    result = attacked_accuracy(net, data, nothing, seed=0)
    assert result.rate.value == result.clean.value


SCALES = {
    "plus 1e5": (lambda z: z + 1e5, 0.02),
    "minus 1e6": (lambda z: z - 1e6, 0.2),
    "times 1e18": (lambda z: z * 1e18, 1e-6),
    "times 1e20": (lambda z: z * 1e20, 1e-6),
    "times 1e30": (lambda z: z * 1e30, 1e-6),
    "times 1e36": (lambda z: z * 1e36, 1e-6),
    "times 1e-20": (lambda z: z * 1e-20, 1e-6),
    "times 1e-30": (lambda z: z * 1e-30, 1e-6),
    "bfloat16": (lambda z: z.bfloat16(), 0.2),
}
"""What is done to logits, and by how much they are rounded then."""
DUAL = {Linf: 1.0, L2: 2.0, L1: float("inf")}
FREE = {Linf: Linf(1.0), L2: L2(10.0), L1: L1(108.0)}
NEAREST = [(method, norm) for method, norm in PAIRS if method in (deepfool, ddn, fmn)]
GRAY = 0.45 + 0.1 * x


def nearest(norm: Any) -> tuple[Tensor, Tensor]:
    """How far the images of gray are from the boundary of the linear net, and their margins."""
    z, y = net(GRAY), net(GRAY).argmax(dim=1)
    gap = z.gather(1, y[:, None]) - z
    size = torch.linalg.vector_norm(W[:, :, None] - W[:, None], ord=DUAL[norm], dim=0)[y]
    far = torch.where(gap > 0, gap / size.clamp_min(1e-9), torch.inf)
    return far.amin(dim=1), z.topk(2, dim=1).values.diff(dim=1)[:, 0].abs()


@pytest.mark.parametrize(
    ("method", "norm"), NEAREST, ids=[f"{m.__name__}-{n.__name__}" for m, n in NEAREST]
)
@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_distances_do_not_depend_on_the_scale_of_logits(method: Any, norm: Any, scale: Any) -> None:
    change, rounding = scale
    y = change(net(GRAY)).argmax(dim=1)
    found = method.found(
        lambda x: change(net(x)), GRAY, y, FREE[norm], steps=40, generator=stream(0)
    )
    far, gap = nearest(norm)
    same = (y == net(GRAY).argmax(dim=1)) & (gap > rounding)
    assert same.sum() >= 4
    assert found.done[same].all()
    ratio = (norm(0.0).distance(found.images, GRAY) / far)[same]
    assert (ratio < 1.03 + 2 * (rounding / gap)[same]).all()
    assert (ratio > 1 - 2 * (rounding / gap)[same] - 1e-3).all()


@pytest.mark.parametrize("norm", [Linf, L2, L1])
@pytest.mark.parametrize("method", [fgsm, pgd, apgd, mi_fgsm])
@pytest.mark.parametrize("factor", [1e4, 1e18, 1e37])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_saturated_loss_is_told_and_a_loss_without_scale_is_not_fooled(
    method: Any, norm: Any, factor: float, classes: int
) -> None:
    y = net(x)[:, :classes].argmax(dim=1)

    def steep(x: Tensor) -> Tensor:
        return factor * net(x)[:, :classes]

    ball = norm(2 * SIZE[norm])
    with pytest.warns(Doubtful, match=r"exactly 0 at every point.*dlr or margin"):
        told = run(method, steep, ball, y)
    with flat_expected():
        assert torch.equal(run(method, steep, ball, y).images, told.images)
    scaleless = margin if classes == 2 else dlr
    assert run(method, steep, ball, y, objective=scaleless).done.all()


@pytest.mark.filterwarnings("ignore:.* exactly 0 at every point of a walk")
@pytest.mark.parametrize("norm", [Linf, L2, L1])
def test_the_ensemble_does_not_call_a_steep_net_robust(norm: Any) -> None:
    for factor in (1e18, 3e36):
        model = lambda x: factor * net(x)  # noqa: E731, B023
        found = autoattack.found(model, x, Y, norm(2 * SIZE[norm]), generator=stream(0))
        assert found.done.all()


@pytest.mark.parametrize("lowest", [-torch.inf, torch.finfo(torch.float32).min])
@pytest.mark.parametrize("kept", [2, 3, 4])
@pytest.mark.parametrize("norm", [Linf, L2, L1])
def test_classes_that_are_ruled_out_make_no_net_robust(norm: Any, kept: int, lowest: float) -> None:
    y = net(x)[:, :kept].argmax(dim=1)

    def few(x: Tensor) -> Tensor:
        z = net(x)[:, :kept]
        return torch.cat([z, torch.full_like(z[:, :1], lowest).expand(-1, 3)], dim=1)

    ball = norm(2 * SIZE[norm])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(apgd, few, ball, y, objective=dlr).done.all()
        assert run(apgd_targeted, few, ball, y, targets=3, steps=10).done.all()


HALF = [torch.float16, torch.bfloat16]


@every
@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("own", [True, False], ids=["half net", "float net"])
def test_images_in_half_precision_are_attacked_as_in_float32(
    method: Any, norm: Any, dtype: torch.dtype, own: bool
) -> None:
    given = x.to(dtype)

    def model(x: Tensor) -> Tensor:
        assert x.dtype == dtype
        return (x.float() - 0.5).flatten(1).to(dtype) @ W.to(dtype) if own else net(x.float())

    y = model(given).argmax(dim=1)
    ball = norm(2 * SIZE[norm])
    found = method.found(model, given, y, ball, generator=stream(0), **SHORT[method])
    assert found.images.dtype == dtype
    assert found.images.isfinite().all()
    assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)
    assert torch.equal(found.images[~found.done], given[~found.done])
    rounded = {Linf: 1, L2: 108**0.5, L1: 108}[norm] * torch.finfo(dtype).eps
    assert (ball.distance(found.images, given) <= ball.eps * (1 + 1e-5) + rounded).all()
    like = method.found(net, given.float(), y, ball, generator=stream(0), **SHORT[method])
    assert int(found.done.sum()) >= int(like.done.sum()) - 1


def test_a_twin_and_surrogates_are_shown_half_precision_too() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, 4)).half()
    given = x.half()
    y = model(given).argmax(dim=1)
    run_on = {"generator": stream(0), "steps": 10}
    twin = pgd.found(model, given, y, L2(3.0), twin=model, **run_on)
    moved = transfer.found(model, given, y, L2(3.0), surrogates=[model], **run_on)
    whole = autoattack.found(model, given, y, L2(3.0), generator=stream(0))
    for found in (twin, moved, whole):
        assert found.images.dtype == torch.float16
        assert found.done.all()
    near = pgd_kl(model, given, y, L2(0.5), generator=stream(0))
    assert near.dtype == torch.float16
    assert (near != given).any()


def writer(writes: Any) -> Any:
    """The net, which writes into its images after it has read them."""

    def model(x: Tensor) -> Tensor:
        z = net(x.clone())
        writes(x)
        return z

    return model


LATE = {
    "without a gradient": lambda x: None if torch.is_grad_enabled() else x.sub_(0.3),
    "and by data": lambda x: None if torch.is_grad_enabled() else x.data.sub_(0.3),
    "where none is asked for": lambda x: None if x.requires_grad else x.clamp_(0.4, 0.6),
    "with a gradient": lambda x: x.data.mul_(0.5) if torch.is_grad_enabled() else None,
}


@every
@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_a_model_that_writes_in_one_mode_only_gets_copies(
    method: Any, norm: Any, late: Any
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Doubtful)
        found = run(method, writer(late), norm(SIZE[norm]))
        plain = run(method, net, norm(SIZE[norm]))
    assert torch.equal(found.images, plain.images)
    assert torch.equal(found.done, net(found.images).argmax(dim=1) != Y)


def test_a_model_that_writes_past_the_first_look_is_refused_and_the_images_restored() -> None:
    calls: list[int] = []

    def sly(x: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) > 4:
            x.data.mul_(0.5)
        return net(x)

    given = x.clone()

    def asks(model: Any, x: Tensor, y: Tensor) -> Any:
        for _ in range(6):
            model(x)
        return nothing_found(x)

    with pytest.raises(InputError, match="writes into its input"):
        guarded(asks, sly, given, Y)
    assert torch.equal(given, x)
