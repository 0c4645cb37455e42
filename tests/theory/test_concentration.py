"""Concentration of measure: caps and half-spaces in closed form, and that no set beats them."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import gammaln, ndtri
from scipy.stats import ortho_group

from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.theory import average
from robustlens.theory.concentration import Gaussian, Sphere
from robustlens.theory.error_sets import other_sets

SPACES = (Sphere, Gaussian)


def setting(seed: int) -> tuple[int, float, float]:
    """A random dimension of 2 to 40, share and radius."""
    g = np.random.default_rng(seed)
    return int(g.integers(2, 41)), float(g.uniform(0.001, 0.6)), float(g.uniform(0, 1.5))


@pytest.mark.parametrize("seed", range(30))
def test_a_caps_share_agrees_with_quadrature(seed: int) -> None:
    d, share, _ = setting(seed)
    sphere = Sphere(d)
    scale = math.exp(gammaln(d / 2) - gammaln((d - 1) / 2)) / math.sqrt(math.pi)
    found, _ = quad(lambda t: scale * math.sin(t) ** (d - 2), 0, sphere.angle(share))
    assert found == pytest.approx(share, rel=1e-7)
    assert sphere.cap(sphere.angle(share)) == pytest.approx(share, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("seed", range(30))
def test_neighbourhoods_agree_with_samples(kind: type, seed: int) -> None:
    """By the first coordinate, exact: on the sphere z / sqrt(z^2 + chi^2_{d - 1})."""
    d, share, eps = setting(seed)
    space, g = kind(d), stream(seed, "x")
    rest = torch.distributions.Chi2(torch.tensor(d - 1.0, dtype=torch.float64))
    torch_seed = torch.Generator().manual_seed(seed)

    def near(n: int) -> torch.Tensor:
        z = torch.randn(n, generator=g, dtype=torch.float64)
        if kind is Sphere:
            other = torch._standard_gamma(rest.concentration.expand(n), generator=torch_seed) * 2
            z = z / (z.square() + other).sqrt()
        return space.gap(z[:, None], share) <= eps

    assert average(near, 1_000_000).agrees(space.neighbourhood(share, eps))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("seed", range(4))
def test_neighbourhoods_agree_with_samples_of_every_coordinate(kind: type, seed: int) -> None:
    d, share, eps = setting(seed)
    space, g = kind(d), stream(seed, "x")
    found = average(lambda n: space.gap(space.sample(n, g), share) <= eps, 1_000_000)
    assert found.agrees(space.neighbourhood(share, eps))


@pytest.mark.parametrize("kind", SPACES)
def test_few_samples_agree_too(kind: type) -> None:
    space, g = kind(20), stream(0, "x")
    found = average(lambda n: space.gap(space.sample(n, g), 0.1) <= 0.3, 50_000)
    assert found.agrees(space.neighbourhood(0.1, 0.3))


def test_the_gap_is_the_distance_to_the_nearest_point_of_the_set() -> None:
    """By drawing the nearest point: on the great circle through the point and the cap's middle."""
    sphere, x = Sphere(5), Sphere(5).sample(200, stream(0, "x"))
    r = sphere.angle(0.1)
    across = torch.nn.functional.normalize(x * torch.tensor([0, 1, 1, 1, 1]), dim=1)
    edge = math.sin(r) * across + math.cos(r) * torch.tensor([1, 0, 0, 0, 0])
    outside = x[:, 0] < math.cos(r)
    expected = torch.where(outside, (x - edge).norm(dim=1), 0.0)
    assert torch.allclose(sphere.gap(x, 0.1), expected)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("seed", range(30))
def test_distance_and_allowed_share_invert_the_neighbourhood(kind: type, seed: int) -> None:
    d, share, _ = setting(seed)
    share = min(share, 0.45)
    space = kind(d)
    for level in (0.5, 0.9):
        eps = space.distance(share, level)
        assert space.neighbourhood(share, eps) == pytest.approx(level, rel=1e-8)
        assert space.allowed(eps, level) == pytest.approx(share, rel=1e-6)
    assert space.distance(0.6, 0.5) == 0
    assert space.neighbourhood(share, 0) == pytest.approx(share)


def test_the_distance_relative_to_the_norm_falls_as_one_over_root_d() -> None:
    constant = -float(ndtri(0.01))
    assert Sphere(1_000_000).distance(0.01) * 1000 == pytest.approx(constant, rel=1e-4)
    for d in (100, 1000, 10_000, 1_000_000):
        gauss = Gaussian(d)
        assert gauss.distance(0.01) / gauss.norm == pytest.approx(constant / math.sqrt(d))
        assert Sphere(d).distance(0.01) == pytest.approx(constant / math.sqrt(d), rel=2 / d**0.5)
    assert Sphere(784).distance(0.01) == pytest.approx(0.0830916, abs=1e-7)


def test_small_and_large_caps_keep_their_digits() -> None:
    assert Sphere(3).cap(0.3) == pytest.approx((1 - math.cos(0.3)) / 2, rel=1e-12)  # Archimedes
    assert Sphere(3).angle(1e-12) == pytest.approx(2e-6, rel=1e-6)
    assert Sphere(2).angle(0.25) == pytest.approx(math.pi / 4)
    assert Sphere(2).angle(0.75) == pytest.approx(3 * math.pi / 4)
    assert Sphere(10**6).angle(0.5) == pytest.approx(math.pi / 2)
    assert Sphere(9).neighbourhood(0.3, 5.0) == 1  # no chord is longer than 2
    assert Sphere(9).allowed(2.0) == 0  # only a rule without error


@pytest.mark.parametrize("block", range(10))
def test_no_other_set_has_a_smaller_neighbourhood(block: int) -> None:
    """1,000 settings by four sets, exact."""
    g = np.random.default_rng(block)
    for _ in range(100):
        d, share = int(g.integers(1, 2000)), float(np.exp(g.uniform(math.log(1e-6), -0.1)))
        eps = float(g.uniform(0, 5))
        bound = Gaussian(d).neighbourhood(share, eps)
        for name, within in other_sets(d, share).items():
            assert within(0.0) == pytest.approx(share, rel=1e-6), (name, d, share)
            assert within(eps) >= bound - 1e-12, (name, d, share, eps)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_other_sets_agree_with_samples(seed: int) -> None:
    d, share, eps = setting(seed)
    g = stream(seed, "x")
    sets, slab = other_sets(d, share), -float(ndtri(share / 2))
    edge = -float(ndtri(-math.expm1(math.log1p(-share) / d)))
    within = {
        "two half-spaces": lambda x: x[:, 0].abs() >= slab - eps,
        "a half-space for each axis": lambda x: x.amax(dim=1) >= edge - eps,
    }
    for name, inside in within.items():
        draw = lambda n, inside=inside: inside(Gaussian(d).sample(n, g))  # noqa: E731
        assert average(draw, 1_000_000).agrees(sets[name](eps)), name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_unions_of_random_caps_and_half_spaces_keep_the_bound(seed: int) -> None:
    """Their measure is sampled too: the bound is taken at the lower end of what it may be."""
    g, d, many = stream(seed, "sets"), 2 + seed, 5
    normals = torch.nn.functional.normalize(
        torch.randn(many, d, generator=g, dtype=torch.float64), dim=1
    )
    offsets = 1 + torch.rand(many, generator=g, dtype=torch.float64)
    x = Gaussian(d).sample(200_000, g)
    depth = (x @ normals.T - offsets).amax(dim=1)  # >= -eps: within eps of one of them
    points = torch.nn.functional.normalize(x, dim=1)
    away = torch.arccos((points @ normals.T).clamp(-1, 1)).amin(dim=1)
    for eps in (0.1, 0.5, 1.0):
        for space, gap, size in (
            (Gaussian(d), -depth, 0.0),
            (Sphere(d), 2 * torch.sin((away - 0.4).clamp_min(0) / 2), 0.0),
        ):
            share, found = (float((gap <= e).double().mean()) for e in (size, eps))
            error = 4 * math.sqrt(1 / (4 * len(x)))
            assert found >= space.neighbourhood(max(share - error, 1e-9), eps) - error


def test_enlarging_pictures_keeps_distances() -> None:
    """The control: d grows, the data do not, and nothing moves nearer."""
    z = Sphere(6).sample(100, stream(0, "z"))
    turned = torch.from_numpy(ortho_group.rvs(60, random_state=0))[:, :6]
    for x in (z.repeat_interleave(10, dim=1) / math.sqrt(10), z @ turned.T):
        assert torch.allclose(torch.cdist(x, x), torch.cdist(z, z), atol=1e-6)
        assert torch.allclose(x.norm(dim=1), torch.ones(100, dtype=torch.float64))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: Sphere(1), "change dimension"),
        (lambda: Gaussian(0), "change dimension"),
        (lambda: Sphere(3).angle(0.0), "change share"),
        (lambda: Sphere(3).distance(0.1, 1.0), "share"),
        (lambda: Sphere(3).cap(4.0), "radians"),
        (lambda: Sphere(3).neighbourhood(0.1, -1.0), "change eps"),
        (lambda: Gaussian(3).neighbourhood(1.0, 1.0), "change share"),
        (lambda: Gaussian(3).distance(0.1, 0.0), "change level"),
        (lambda: Gaussian(3).allowed(math.inf), "change eps"),
        (lambda: other_sets(3, 0.0), "change share"),
        (lambda: other_sets(0, 0.1), "change dimension"),
    ],
)
def test_wrong_questions_are_refused(ask, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
