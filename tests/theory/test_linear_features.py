"""Linear features: rho and gamma in closed form, by sampling, and scored on data."""

import math

import pytest
import torch

from robustlens.errors import InputError, UnknownName
from robustlens.streams import stream
from robustlens.theory import TwoGaussians, worst_change
from robustlens.theory.linear_features import (
    LinearFeatures,
    eigenvectors,
    exact_scores,
    exact_usefulness,
    sampled_usefulness,
    scores,
    with_noise,
)
from robustlens.theory.usefulness import Kind, Score, Usefulness, kind, scaled, signs, usefulness

NORMS = ("linf", "l2", "l1")


def setting(seed: int) -> tuple[TwoGaussians, LinearFeatures, str, float]:
    """A random mean, covariance of one of three shapes, three features, norm and radius."""
    g = stream(seed, "features")
    d = int(torch.randint(2, 9, (), generator=g))
    mean = torch.randn(d, generator=g, dtype=torch.float64)
    root = torch.randn(d, d, generator=g, dtype=torch.float64)
    full = root @ root.T + 0.1 * torch.eye(d)
    classes = TwoGaussians(mean, (full, full.diagonal(), full[0, 0])[seed % 3])
    rows = torch.randn(3, d, generator=g, dtype=torch.float64)
    eps = float(torch.rand((), generator=g))
    return classes, LinearFeatures.of_gaussians(classes, rows), NORMS[seed // 3 % 3], eps


def two_features() -> tuple[TwoGaussians, LinearFeatures]:
    """Two features as useful as each other; the second varies twenty times less."""
    classes = TwoGaussians(torch.tensor([2.0, 0.1]), torch.tensor([4.0, 0.01]))
    return classes, LinearFeatures.of_gaussians(classes, torch.eye(2))


def test_two_features_by_hand() -> None:
    classes, features = two_features()
    rho = math.sqrt(0.5)
    assert exact_usefulness(classes, features).tolist() == pytest.approx([rho, rho])
    for norm in NORMS:  # a coordinate has dual norm 1 in every norm
        gamma = exact_usefulness(classes, features, norm, 0.5).tolist()
        assert gamma == pytest.approx([1.5 / math.sqrt(8), -0.4 / math.sqrt(0.02)])
    assert [kind(s) for s in exact_scores(classes, features, "l2", 0.5)] == [
        Kind.ROBUST,
        Kind.NON_ROBUST,
    ]
    swamped = with_noise(classes, 0.5)
    again = LinearFeatures.of_gaussians(swamped, torch.eye(2))
    noisy = exact_usefulness(swamped, again).tolist()
    assert noisy == pytest.approx([2 / math.sqrt(8.25), 0.1 / math.sqrt(0.27)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(36))
def test_closed_forms_agree_with_a_million_samples(seed: int) -> None:
    classes, features, norm, eps = setting(seed)
    for radius in (0.0, eps):
        closed = float(exact_usefulness(classes, features, norm, radius)[0])
        g = stream(seed, "x")
        found = sampled_usefulness(classes, features, 0, norm, radius, generator=g)
        assert found.n == 1_000_000
        assert found.agrees(closed), (seed, norm, radius)


@pytest.mark.parametrize("seed", range(12))
def test_features_have_mean_0_and_variance_1_and_scores_hold_the_closed_form(seed: int) -> None:
    classes, features, norm, eps = setting(seed)
    x, y = classes.sample(50_000, stream(seed, "x"))
    std, mean = torch.std_mean(features(x), dim=0)
    assert torch.allclose(std, torch.ones_like(std), atol=0.02)
    assert torch.allclose(mean, torch.zeros_like(mean), atol=0.02)
    found = scores(features, x, y, norm, eps, alpha=1e-5)
    rho, gamma = (exact_usefulness(classes, features, norm, size) for size in (0.0, eps))
    for i, score in enumerate(found):
        assert score.rho.low <= float(rho[i]) <= score.rho.high
        assert score.gamma.low <= float(gamma[i]) <= score.gamma.high
        assert score.rho.n == 50_000


@pytest.mark.slow
def test_no_feature_breaks_a_bound_in_a_thousand_settings() -> None:
    for seed in range(1000):
        classes, features, norm, eps = setting(seed)
        rho, gamma = (exact_usefulness(classes, features, norm, size) for size in (0.0, eps))
        full = classes.covariance
        if full.dim() < 2:
            full = torch.diag(full.expand(classes.dimension))
        distance = float(classes.mean @ torch.linalg.solve(full, classes.mean))
        assert bool((gamma <= rho).all())
        assert float(rho.abs().max()) <= math.sqrt(distance / (1 + distance)) + 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_on_data_rho_is_the_correlation_with_the_label(seed: int) -> None:
    classes, features, _, _ = setting(seed)
    x, _ = classes.sample(1000, stream(seed, "x"))
    y = torch.tensor([1.0, -1.0]).double().repeat(500)
    x += 0.3 * y[:, None]
    on_data = LinearFeatures.of_data(features.weights, x)
    found = [s.rho.value for s in scores(on_data, x, y, "l2", 0.0)]
    wanted = [float(torch.corrcoef(torch.stack([x @ a, y]))[0, 1]) for a in features.weights]
    assert found == pytest.approx(wanted)
    alone = scaled(x @ features.weights[0], x @ features.weights[0])
    assert usefulness(alone, y).value == pytest.approx(found[0])


def test_intervals_cover_as_often_as_they_say() -> None:
    classes, features = two_features()
    rho = float(exact_usefulness(classes, features)[0])
    hits = 0
    for i in range(400):
        x, y = classes.sample(100, stream(0, i))
        score = scores(features, x, y, "l2", 0.5)[0]
        hits += score.rho.low <= rho <= score.rho.high
    assert 0.92 <= hits / 400 <= 0.98


def test_gamma_on_data_is_what_the_worst_change_leaves() -> None:
    classes, features, norm, eps = setting(4)
    x, y = classes.sample(100, stream(4, "x"))
    for i, a in enumerate(features.weights):
        moved = features(x - y[:, None] * eps * worst_change(a, norm))[:, i]
        score = scores(features, x, y, norm, eps)[i]
        assert usefulness(moved, y).value == pytest.approx(score.gamma.value)
        assert usefulness(moved, y).low == pytest.approx(score.gamma.low)


def test_noise_leaves_a_feature_as_it_was_and_swamps_it_when_scaled_anew() -> None:
    classes, features = two_features()
    rho, sigmas = exact_usefulness(classes, features), (0.1, 0.3, 1.0)
    before = rho
    for sigma in sigmas:
        noisy = with_noise(classes, sigma)
        assert torch.allclose(exact_usefulness(noisy, features), rho)  # the same f
        after = exact_usefulness(noisy, LinearFeatures.of_gaussians(noisy, torch.eye(2)))
        assert bool((after < before).all())
        before = after
        x, y = classes.sample(50_000, stream(0, "x"))
        x = x + sigma * torch.randn(x.shape, generator=stream(0, "noise"), dtype=torch.float64)
        found = scores(LinearFeatures.of_data(torch.eye(2), x), x, y, "l2", 0.0, alpha=1e-5)
        for score, closed in zip(found, after.tolist(), strict=True):
            assert score.rho.low <= closed <= score.rho.high


def test_noise_on_a_full_covariance_adds_to_its_diagonal() -> None:
    full = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    noisy = with_noise(TwoGaussians(torch.ones(2), full), 2.0)
    assert torch.equal(noisy.covariance, full.double() + 4 * torch.eye(2))


def test_facing_turns_features_towards_the_label() -> None:
    classes, features, *_ = setting(0)
    rho = exact_usefulness(classes, features)
    assert torch.allclose(exact_usefulness(classes, features.facing(rho)), rho.abs())


@pytest.mark.parametrize("seed", range(3))
def test_eigenvectors_are_unit_rows_by_falling_variance(seed: int) -> None:
    classes, *_ = setting(seed)
    rows = eigenvectors(classes)
    variances = [classes.spread(a) ** 2 for a in rows]
    assert torch.allclose(rows @ rows.T, torch.eye(len(rows)).double())
    assert variances == sorted(variances, reverse=True)


def test_many_dimensions_cost_nothing() -> None:
    d = 100_000
    classes = TwoGaussians(torch.full((d,), 3 / math.sqrt(d)), torch.tensor(1.0))
    features = LinearFeatures.of_gaussians(classes, torch.ones(1, d))
    assert len(features) == 1
    assert float(exact_usefulness(classes, features)) == pytest.approx(3 / math.sqrt(10))
    # l-inf eps of twice a coordinate's mean turns the mean around (Tsipras et al. 2018)
    gamma = exact_usefulness(classes, features, "linf", 6 / math.sqrt(d))
    assert float(gamma) == pytest.approx(-3 / math.sqrt(10))


@pytest.mark.parametrize(
    ("rho", "gamma", "wanted"),
    [
        ((0.4, 0.6), (0.1, 0.3), Kind.ROBUST),
        ((0.4, 0.6), (-0.3, -0.1), Kind.NON_ROBUST),
        ((0.4, 0.6), (-0.1, 0.1), Kind.OPEN),
        ((-0.1, 0.1), (-0.3, -0.1), Kind.USELESS),
        ((0.0, 0.0), (-0.3, -0.3), Kind.USELESS),
        ((-0.6, -0.4), (-0.9, -0.7), Kind.USELESS),  # turned around it would be useful
    ],
)
def test_kinds(rho: tuple[float, float], gamma: tuple[float, float], wanted: Kind) -> None:
    made = (Usefulness(sum(ends) / 2, *ends, 10) for ends in (rho, gamma))
    assert kind(Score(*made)) == wanted


def test_rounding_makes_no_feature_useful() -> None:
    assert Usefulness.exact(1e-17) == (0.0, 0.0, 0.0, 0)
    assert Usefulness.exact(0.5).n == 0


def test_one_class_against_the_rest() -> None:
    labels = torch.tensor([0, 1, 2, 1])
    assert signs(labels, 1).tolist() == [-1, 1, -1, 1]
    found = usefulness(torch.tensor([-1.0, 1.0, -1.0, 1.0]), signs(labels, 1))
    assert found == (1.0, 1.0, 1.0, 4)


def test_wrong_questions_are_refused() -> None:
    classes, features = two_features()
    with pytest.raises(InputError, match="change rows"):
        LinearFeatures.of_gaussians(classes, torch.ones(2, 3))
    with pytest.raises(InputError, match="a feature of zeros"):
        LinearFeatures.of_gaussians(classes, torch.zeros(1, 2))
    with pytest.raises(InputError, match="constant"):
        LinearFeatures.of_data(torch.eye(2), torch.ones(5, 2))
    with pytest.raises(InputError, match="constant"):
        scaled(torch.ones(3), torch.ones(3))
    with pytest.raises(InputError, match="change eps"):
        exact_usefulness(classes, features, "l2", -1)
    with pytest.raises(UnknownName, match="l7"):
        exact_usefulness(classes, features, "l7", 1)
    with pytest.raises(InputError, match="change sigma"):
        with_noise(classes, -1)
    with pytest.raises(InputError, match="change y"):
        usefulness(torch.ones(3), torch.tensor([0.0, 1.0, 1.0]))
    with pytest.raises(InputError, match="change y"):
        usefulness(torch.ones(3), torch.ones(2))
