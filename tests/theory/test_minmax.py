"""Robust fitting from samples: its pieces against generic optimisers, its end against Theorem 2."""

import math

import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.theory.gaussian import robust_gaussian
from robustlens.theory.minmax import Fit, fit_gaussian, natural_step, nll, worst_move
from robustlens.theory.two_gaussians import TwoGaussians


def classes_of(d: int, seed: int = 0, spread: float = 1.0) -> TwoGaussians:
    """Classes with variances from 10^-spread to 10^spread along random directions."""
    g = stream(seed, "classes", d)
    turn, _ = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=torch.float64))
    variances = torch.logspace(-spread, spread, d, dtype=torch.float64)
    covariance = turn * variances @ turn.T
    mean = torch.randn(d, generator=g, dtype=torch.float64)
    return TwoGaussians(mean, (covariance + covariance.T) / 2)


def drawn(classes: TwoGaussians, n: int, seed: int = 0) -> Tensor:
    x, y = classes.sample(n, stream(seed, "points"))
    return y[:, None] * x


def gap(found: Tensor, closed: Tensor) -> float:
    """Operator norm, relative."""
    return float(torch.linalg.matrix_norm(found - closed, 2) / torch.linalg.matrix_norm(closed, 2))


@pytest.mark.parametrize("each", [False, True])
def test_the_worst_move_has_the_size_allowed_and_no_other_raises_the_loss_more(each: bool) -> None:
    classes = classes_of(4)
    fit, v = Fit(classes.mean, classes.covariance), drawn(classes, 50)
    for eps in (0.1, 1.0, 5.0):
        move = worst_move(fit, v, eps, each=each)
        if each:
            sizes = torch.linalg.vector_norm(move, dim=1)
            assert torch.allclose(sizes, torch.full_like(sizes, eps))
        assert float(move.square().sum(dim=1).mean()) == pytest.approx(eps**2)
        value, g = nll(fit, v + move), stream(0, "others")
        for size in (0.01, 0.3, 3.0):
            for _ in range(30):
                noise = torch.randn(v.shape, generator=g, dtype=torch.float64)
                other = move + size * eps * noise
                length = other.square().sum(dim=1, keepdim=True)
                other *= eps / (length if each else length.mean()).sqrt()
                assert nll(fit, v + other) <= value + 1e-12


def test_the_worst_move_of_a_point_is_what_slsqp_finds() -> None:
    classes = classes_of(3)
    fit = Fit(classes.mean, classes.covariance)
    v, eps = drawn(classes, 5), 0.7
    for point, move in zip(v, worst_move(fit, v, eps, each=True), strict=True):

        def loss(delta: list[float], point: Tensor = point) -> float:
            return -float(nll(fit, point[None] + torch.tensor(delta, dtype=torch.float64)[None]))

        bound = {"type": "ineq", "fun": lambda delta: eps**2 - (delta**2).sum()}
        starts = eps * torch.nn.functional.normalize(
            torch.randn(8, 3, generator=stream(0, "starts"), dtype=torch.float64)
        )
        found = min(
            minimize(loss, start.numpy(), method="SLSQP", constraints=bound).fun for start in starts
        )
        assert -float(nll(fit, (point + move)[None])) == pytest.approx(found, abs=1e-5)


def test_nothing_moves_at_eps_0() -> None:
    classes = classes_of(2)
    assert not worst_move(Fit(classes.mean, classes.covariance), drawn(classes, 5), 0.0).any()


@pytest.mark.parametrize("each", [False, True])
def test_danskin_the_gradient_at_the_moved_points_is_that_of_the_worst_loss(each: bool) -> None:
    classes = classes_of(3)
    root = torch.linalg.cholesky(classes.covariance)
    v, eps = drawn(classes, 200), 0.5

    def worst_loss(root: Tensor) -> Tensor:
        fit = Fit(classes.mean, root @ root.T)
        return nll(fit, v + worst_move(fit, v, eps, each=each))

    leaf = root.clone().requires_grad_()
    moved = v + worst_move(Fit(classes.mean, classes.covariance), v, eps, each=each)
    (slope,) = torch.autograd.grad(nll(Fit(classes.mean, leaf @ leaf.T), moved), leaf)
    for i, j in ((0, 0), (1, 0), (2, 1), (2, 2)):
        step = torch.zeros_like(root)
        step[i, j] = 1e-5
        rise = float(worst_loss(root + step) - worst_loss(root - step)) / 2e-5
        assert rise == pytest.approx(float(slope[i, j]), rel=1e-5, abs=1e-6)


def test_the_natural_step_is_the_gradient_by_autograd_times_the_inverse_fisher_matrix() -> None:
    classes, rate = classes_of(3), 0.1
    mean = (classes.mean + 0.3).requires_grad_()
    covariance = classes.covariance.clone().requires_grad_()
    points = drawn(classes, 100)
    by_mean, by_covariance = torch.autograd.grad(
        nll(Fit(mean, covariance), points), (mean, covariance)
    )
    by_covariance = (by_covariance + by_covariance.T) / 2
    sigma = covariance.detach()
    after = natural_step(Fit(mean.detach(), sigma), points, rate)
    assert torch.allclose(after.mean, mean.detach() - rate * sigma @ by_mean)
    assert torch.allclose(after.covariance, sigma - rate * 2 * sigma @ by_covariance @ sigma)


def test_the_likelihood_is_that_of_torch() -> None:
    classes = classes_of(5)
    v = drawn(classes, 20)
    law = torch.distributions.MultivariateNormal(classes.mean, classes.covariance)
    found = float(nll(Fit(classes.mean, classes.covariance), v))
    assert found == pytest.approx(-float(law.log_prob(v).mean()))


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 20])
@pytest.mark.parametrize("eps", [0.1, 1.0, 10.0])
def test_the_end_is_theorem_2_within_3_percent(d: int, eps: float) -> None:
    classes = classes_of(d)
    closed = robust_gaussian(classes, eps).classes.covariance
    fit = fit_gaussian(classes, eps, generator=stream(0, "fit"))
    assert gap(fit.covariance, closed) < 0.03
    # Stronger: in every direction, thin ones too.
    root = torch.linalg.cholesky(closed)
    white = torch.linalg.solve(root, torch.linalg.solve(root, fit.covariance).T)
    assert float((torch.linalg.eigvalsh(white) - 1).abs().max()) < 0.03
    assert torch.allclose(fit.mean, classes.mean, atol=0.06)


def test_the_end_in_the_plane_is_theorem_2_within_3_percent() -> None:
    classes = TwoGaussians(torch.tensor([1.0, -2.0]), torch.tensor([4.0, 1.0]))
    fit = fit_gaussian(classes, 1.0, generator=stream(1, "fit"), steps=150)
    assert gap(fit.covariance, torch.diag(torch.tensor([6.63773, 3.30215]).double())) < 0.03


def test_without_an_adversary_it_is_the_sample_mean_and_covariance() -> None:
    classes = classes_of(2)
    fit = fit_gaussian(classes, 0.0, generator=stream(0, "fit"))
    assert gap(fit.covariance, classes.covariance) < 0.01


@pytest.mark.slow
def test_the_adversary_of_each_point_comes_nearer_to_the_averaged_one_as_d_grows() -> None:
    gaps = []
    for d in (2, 8, 40):
        classes = TwoGaussians(torch.zeros(d), torch.tensor([4.0, 1.0]).repeat(d // 2))
        eps = math.sqrt(d)  # a change as long as the noise: the same game in each pair
        closed = torch.diag(robust_gaussian(classes, eps).classes.covariance)
        fit = fit_gaussian(classes, eps, generator=stream(d, "each"), each=True, steps=100)
        # Alike directions have the same variance: their mean has little sampling error.
        found = fit.covariance.diagonal().view(-1, 2).mean(dim=0)
        gaps.append(float((found / closed.diagonal()[:2] - 1).abs().max()))
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.01


def test_wrong_questions_are_refused() -> None:
    classes = classes_of(3)
    for eps, steps, batch in ((-1.0, 10, 10), (math.inf, 10, 10), (1.0, 3, 10), (1.0, 10, 3)):
        with pytest.raises(InputError, match="change eps, steps or batch"):
            fit_gaussian(classes, eps, generator=stream(0, "g"), steps=steps, batch=batch)
