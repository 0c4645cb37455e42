"""Measures of pictures: closed forms, scipy and, where it is installed, torchmetrics."""

import math

import numpy as np
import pytest
import scipy
import torch
from torch import nn

from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.vision.measures import (
    diversity,
    frechet,
    frechet_distance,
    judge_features,
    judged,
    kernel_distance,
    nearest,
    nearest_filled,
    psnr,
    rank_correlation,
    relative_distance,
    ssim,
)


def images(n: int, channels: int = 3, side: int = 20, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, channels, side, side, generator=stream(seed, "images"))


def vectors(n: int, f: int = 4, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(n, f, generator=stream(seed, "vectors"), dtype=torch.float64) + shift


def test_psnr_of_a_known_difference() -> None:
    x = images(2) / 2
    assert psnr(x + 0.1, x).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)
    assert psnr(x, x).tolist() == [math.inf, math.inf]


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_the_mean_over_windows(channels: int) -> None:
    a, b = images(2, channels).double(), images(2, channels, seed=1).double()
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / np.outer(bell, bell).sum()
    expected = []
    for p, q in zip(a.numpy(), b.numpy(), strict=True):
        values = []
        for c in range(channels):
            for i in range(10):
                for j in range(10):
                    u, v = p[c, i : i + 11, j : j + 11], q[c, i : i + 11, j : j + 11]
                    m, n = (window * u).sum(), (window * v).sum()
                    s, t = (window * (u - m) ** 2).sum(), (window * (v - n) ** 2).sum()
                    k = (window * (u - m) * (v - n)).sum()
                    top = (2 * m * n + 1e-4) * (2 * k + 9e-4)
                    values.append(top / ((m * m + n * n + 1e-4) * (s + t + 9e-4)))
        expected.append(np.mean(values))
    assert ssim(a, b).tolist() == pytest.approx(expected, abs=1e-10)
    torch.testing.assert_close(ssim(a, a), torch.ones(2).double())


def test_torchmetrics_agrees() -> None:
    functional = pytest.importorskip("torchmetrics.functional.image")
    a, b = images(3).double(), (images(3) * 0.7 + 0.3 * images(3, seed=2)).double()
    _, places = functional.structural_similarity_index_measure(
        a, b, data_range=1.0, reduction="none", return_full_image=True
    )
    inner = places[:, :, 5:-5, 5:-5].mean(dim=(1, 2, 3))  # it mirrors images at their edges
    torch.testing.assert_close(ssim(a, b), inner, atol=1e-6, rtol=0)
    ratio = functional.peak_signal_noise_ratio(
        a, b, data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    torch.testing.assert_close(psnr(a, b), ratio)


def test_images_that_are_too_small_or_unlike_are_refused() -> None:
    with pytest.raises(InputError, match="at least 11"):
        ssim(images(1, side=10), images(1, side=10))
    with pytest.raises(InputError, match="beside"):
        psnr(images(1, side=10), images(1, side=11))


def test_relative_distance_of_a_linear_net() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 4, bias=False), nn.Linear(4, 2))
    a, b = images(3, side=2), images(3, side=2, seed=1)
    with torch.no_grad():
        p, q = net[1](a.flatten(1)), net[1](b.flatten(1))
    expected = (p - q).norm(dim=1) / q.norm(dim=1)
    torch.testing.assert_close(relative_distance(net, a, b), expected)
    assert relative_distance(net, b, b).tolist() == [0.0] * 3


def test_rank_correlation_is_scipys() -> None:
    a, b = vectors(3, 9), vectors(3, 9, seed=1)
    expected = [scipy.stats.spearmanr(p, q).statistic for p, q in zip(a, b, strict=True)]
    assert rank_correlation(a, b).tolist() == pytest.approx(expected)
    assert bool(rank_correlation(torch.ones(1, 3), vectors(1, 3)).isnan())


def test_frechet_distance_of_known_moments() -> None:
    a = vectors(50)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, a + 3.0) == pytest.approx(4 * 9.0)
    s = torch.cov(a.T)
    assert frechet_distance(a, 2 * a - a.mean(dim=0)) == pytest.approx(float(s.trace()))
    b = vectors(60, seed=1) @ vectors(4, seed=2)
    t = torch.cov(b.T)
    root = scipy.linalg.sqrtm((s @ t).numpy()).real
    gap = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    expected = float(gap + s.trace() + t.trace()) - 2 * np.trace(root)
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_frechet_has_an_interval_around_what_many_pictures_say() -> None:
    found = frechet(vectors(400), vectors(400, seed=1, shift=0.5), generator=stream(0, "boot"))
    assert found.low < 4 * 0.25 < found.high
    assert found == frechet(
        vectors(400), vectors(400, seed=1, shift=0.5), generator=stream(0, "boot")
    )


def test_kernel_distance_is_the_sum_over_pairs() -> None:
    a, b = vectors(7), vectors(5, seed=1, shift=0.3)

    def k(p: torch.Tensor, q: torch.Tensor) -> float:
        return float((p @ q / 4 + 1) ** 3)

    own = np.mean([k(p, q) for i, p in enumerate(a) for j, q in enumerate(a) if i != j])
    other = np.mean([k(p, q) for i, p in enumerate(b) for j, q in enumerate(b) if i != j])
    cross = np.mean([k(p, q) for p in a for q in b])
    assert kernel_distance(a, b).value == pytest.approx(own + other - 2 * cross)


def test_kernel_distance_is_unbiased_and_its_interval_covers() -> None:
    found = [
        kernel_distance(vectors(30, 2, seed=s), vectors(30, 2, seed=1000 + s)) for s in range(200)
    ]
    values = torch.tensor([f.value for f in found])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 200**0.5
    apart = [
        kernel_distance(vectors(40, 2, seed=s), vectors(40, 2, seed=1000 + s, shift=1.0))
        for s in range(200)
    ]
    truth = kernel_distance(vectors(4000, 2, seed=7), vectors(4000, 2, seed=8, shift=1.0)).value
    assert sum(f.low <= truth <= f.high for f in apart) >= 0.85 * 200


def test_diversity_is_the_mean_distance_of_pairs() -> None:
    r = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [6.0, 8.0]])
    assert diversity(r).value == pytest.approx((5 + 0 + 10 + 5 + 5 + 10) / 6)
    y = torch.tensor([0, 0, 1, 1])
    assert diversity(r, y).value == pytest.approx((5 + 10) / 2)
    assert diversity(torch.ones(5, 3)).value == 0.0
    with pytest.raises(InputError, match="features"):
        diversity(r[:2])


def test_the_nearest_is_found_with_its_place() -> None:
    reference = vectors(1200)
    found = nearest(reference[[7, 1100]] + 1e-3, reference, k=2)
    assert found.place[:, 0].tolist() == [7, 1100]
    assert found.distance[:, 0].tolist() == pytest.approx([2e-3, 2e-3], rel=1e-6)
    with pytest.raises(InputError, match="k is 9"):
        nearest(reference, reference[:8], k=9)
    with pytest.raises(InputError, match="units"):
        nearest(reference, reference[:, :3])


def test_a_judge_is_asked_in_batches() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Linear(4, 3))
    x = images(11, side=2)
    with torch.no_grad():
        z, r = net(x), net[1](x.flatten(1))
    y = z.argmax(dim=1)
    y[:3] = (y[:3] + 1) % 3
    found = judged(net, x, y, batch_size=4)
    assert (found.value, found.n) == (8 / 11, 11)
    torch.testing.assert_close(judge_features(net, x, batch_size=4), r)
    with pytest.raises(InputError, match="label 3"):
        judged(net, x, 3)


def test_nearest_fill_takes_the_nearest_known_pixel() -> None:
    x = torch.arange(25.0).view(1, 1, 5, 5) / 25
    mask = torch.zeros(5, 5, dtype=torch.bool)
    mask[2, 3:] = True
    filled = nearest_filled(x, mask)
    assert torch.equal(filled * ~mask, x * ~mask)
    assert float(filled[0, 0, 2, 3]) in [float(x[0, 0, i, j]) for i, j in ((1, 3), (3, 3), (2, 2))]
    with pytest.raises(InputError, match="everything"):
        nearest_filled(x, torch.ones(5, 5, dtype=torch.bool))
