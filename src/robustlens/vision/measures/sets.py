"""How a set of pictures compares with a set of images, in the features of a judge.

    frechet(r_made, r_real), kernel_distance(r_made, r_real)     # 0: the same distribution
    diversity(r_made), nearest(r_made, r_train)                  # collapse, and copying

All are of feature vectors (n, f), see `judge_features`: they say nothing that the judge is blind
to, and numbers of different judges, or of different n for `frechet`, cannot be compared.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.types import Labels
from robustlens.vision.measures.estimate import Estimate, jackknifed, points

CHUNK = 500


def kernel_distance(a: Tensor, b: Tensor) -> Estimate:
    """Return the unbiased squared maximum mean discrepancy with the kernel (x.y / f + 1)^3.

    0 in the mean where the two distributions are one, and then negative half of the time. The
    interval is the jackknife's over both samples. Source: Binkowski et al. 2018, section 4 (KID),
    there with Inception's features, means of subsets, and times 1000 in many tables.

    Raises:
        InputError: fewer than 3 vectors, other lengths, or numbers that are not finite.
    """
    a, b = _pair(a, b, least=3)
    n, m, f = len(a), len(b), a.shape[1]
    own, other, cross = ((p @ q.T / f + 1) ** 3 for p, q in ((a, a), (b, b), (a, b)))
    own.fill_diagonal_(0.0)
    other.fill_diagonal_(0.0)
    pairs_a, pairs_b, both = own.sum(), other.sum(), cross.sum()
    mean_a, mean_b = pairs_a / (n * (n - 1)), pairs_b / (m * (m - 1))
    value = mean_a + mean_b - 2 * both / (n * m)
    without_a = (pairs_a - 2 * own.sum(dim=1)) / ((n - 1) * (n - 2)) + mean_b
    without_a = without_a - 2 * (both - cross.sum(dim=1)) / ((n - 1) * m)
    without_b = (pairs_b - 2 * other.sum(dim=1)) / ((m - 1) * (m - 2)) + mean_a
    without_b = without_b - 2 * (both - cross.sum(dim=0)) / (n * (m - 1))
    return jackknifed(float(value), without_a, without_b)


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Return the squared 2-Wasserstein distance of Gaussians with the moments of a and b.

    |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)). Source: Dowson & Landau 1982; Heusel et
    al. 2017 (FID, there with Inception's features). Raises as `frechet`.
    """
    a, b = _pair(a, b)
    gap = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    s, t = (_covariance(r) for r in (a, b))
    lengths, axes = torch.linalg.eigh(s)
    root = axes * lengths.clamp_min(0.0).sqrt() @ axes.T
    shared = torch.linalg.eigvalsh(root @ t @ root).clamp_min(0.0).sqrt().sum()
    return max(0.0, float(gap + s.trace() + t.trace() - 2 * shared))


def frechet(a: Tensor, b: Tensor, *, resamples: int = 100, generator: torch.Generator) -> Estimate:
    """Return `frechet_distance` with the 95 % interval of a bootstrap of both sets.

    Biased upwards, the more the fewer the vectors: use many more than f of them, and compare
    equal numbers only. Resampling adds about the same bias once more, so the interval is the
    basic one, 2 value - quantiles, cut at 0.

    Raises:
        InputError: fewer than 2 vectors, other lengths, numbers that are not finite, or
            resamples < 10.
    """
    a, b = _pair(a, b)
    if resamples < 10:
        raise InputError(f"resamples is {resamples}", "at least 10, as 100", "change resamples")
    value = frechet_distance(a, b)

    def again(r: Tensor) -> Tensor:
        return r[torch.randint(len(r), (len(r),), generator=generator).to(r.device)]

    drawn = [frechet_distance(again(a), again(b)) for _ in range(resamples)]
    ends = torch.tensor(drawn, dtype=torch.float64).quantile(torch.tensor([0.975, 0.025]).double())
    low, high = (max(0.0, 2 * value - float(end)) for end in ends)
    return Estimate(value, low, high, len(a))


def diversity(r: Tensor, labels: Labels | None = None) -> Estimate:
    """Return the mean distance between two pictures, of one class where labels are given.

    In the units of the features: put that of real images beside it. 0 is one picture again and
    again; noise is diverse too. The interval is the jackknife's.

    Raises:
        InputError: no two pictures (of one class), or numbers that are not finite.
    """
    r = points(r, "r", least=3)
    apart = torch.cdist(r, r, compute_mode="donot_use_mm_for_euclid_dist")
    counted = torch.ones_like(apart) if labels is None else _alike(labels.to(r.device), r)
    counted.fill_diagonal_(0.0)
    total, pairs = (apart * counted).sum(), counted.sum()
    rows, own = (apart * counted).sum(dim=1), counted.sum(dim=1)
    if not bool((pairs - 2 * own > 0).all()):
        raise InputError("too few pictures of one class", "at least two of two classes, or three")
    return jackknifed(float(total / pairs), (total - 2 * rows) / (pairs - 2 * own))


class Neighbours(NamedTuple):
    """The nearest members of a reference set, the nearest first."""

    distance: Tensor  # (n, k)
    place: Tensor  # int64 (n, k), in the reference set


def nearest(r: Tensor, reference: Tensor, k: int = 1) -> Neighbours:
    """Return the `k` nearest reference vectors of each picture: was it copied?

    Of features (n, f), or of flattened pixels. Far from all training images is no proof of a
    good picture, and near in the judge's features is no copy: look at the pairs.

    Raises:
        InputError: not 1 <= k <= the size of the reference, or vectors that do not fit.
    """
    a, b = _pair(r, reference, least=1)
    if not 1 <= k <= len(b):
        raise InputError(f"k is {k}", f"1 to {len(b)}, the size of the reference", "change k")
    found = [
        torch.cdist(part, b, compute_mode="donot_use_mm_for_euclid_dist").sort(dim=1, stable=True)
        for part in torch.split(a, CHUNK)
    ]
    return Neighbours(
        torch.cat([part.values[:, :k] for part in found]),
        torch.cat([part.indices[:, :k] for part in found]),
    )


def _pair(a: Tensor, b: Tensor, least: int = 2) -> tuple[Tensor, Tensor]:
    a, b = points(a, "a", least), points(b, "b", least)
    if a.shape[1] != b.shape[1]:
        raise InputError(
            f"features of {a.shape[1]} and {b.shape[1]} units", "those of one judge and layer"
        )
    return a, b.to(a.device)


def _covariance(r: Tensor) -> Tensor:
    centred = r - r.mean(dim=0)
    return centred.T @ centred / (len(r) - 1)


def _alike(labels: Labels, r: Tensor) -> Tensor:
    if labels.shape != r.shape[:1]:
        raise InputError(f"labels of shape {tuple(labels.shape)}", f"({len(r)},), one a picture")
    return (labels[:, None] == labels[None]).to(r.dtype)
