"""Part two of the study `features-model`: principal components of real images as features.

Everything is fitted on training images (components, scale, sign, the rules) and scored on test
images. The worst change keeps pixels in [0, 1]: gamma is that of valid images. Intervals of
components hold for all of them at once (Bonferroni).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.pictures import Cell, Gallery
from robustlens.streams import stream
from robustlens.theory.best_features import best_feature
from robustlens.theory.boxed import worst_in_box
from robustlens.theory.linear_features import LinearFeatures
from robustlens.theory.two_gaussians import TwoGaussians
from robustlens.theory.usefulness import Kind, Score, kind, signs, usefulness

ALPHA = 0.05


class Points(NamedTuple):
    """Images of two classes as points (n, d) float64 in [0, 1], with labels +1 and -1 (n,)."""

    x: Tensor
    y: Tensor
    shape: tuple[int, int, int]


class Measured(NamedTuple):
    """Scores on held-out images: of each component, of three rules, and under permuted labels."""

    names: tuple[str, str]
    rows: Tensor  # components (k, d), then the standard, the robust and the fine rule
    shape: tuple[int, int, int]
    scores: list[Score]  # of the components, simultaneous intervals
    standard: Score
    robust: Score
    fine: Score
    permuted: Rate  # share of permutations that call any component useful

    def of(self, wanted: Kind) -> list[int]:
        """Return which components are of a kind, the most useful first."""
        hits = [i for i, score in enumerate(self.scores) if kind(score) == wanted]
        return sorted(hits, key=lambda i: -self.scores[i].rho.value)


def chosen(pair: str, classes: tuple[str, ...]) -> tuple[int, int]:
    """Return the two classes named in `pair`, "Pullover,Coat", in any case.

    Raises:
        InputError: not two different names of classes.
    """
    known = [name.lower() for name in classes]
    names = [name.strip().lower() for name in pair.split(",")]
    if len(names) != 2 or len(set(names)) != 2 or not set(names) <= set(known):
        raise InputError(f"pair {pair!r}", f"two of {', '.join(classes)}", "change --pair")
    return known.index(names[0]), known.index(names[1])


def points(data: Dataset, pair: tuple[int, int]) -> Points:
    """Return the images of two classes; the first has label +1."""
    at = torch.nonzero((data.labels == pair[0]) | (data.labels == pair[1])).flatten()
    part = data.subset(at)
    x = part.images.flatten(1).double() / 255
    return Points(x, signs(part.labels, pair[0]), data.shape)


def components(x: Tensor, count: int) -> Tensor:
    """Return the first principal components of x (n, d) as unit rows (count, d).

    Raises:
        InputError: count < 2 or above what n - 1 points of d dimensions span.
    """
    most = min(len(x) - 1, x.shape[1])
    if not 2 <= count <= most:
        raise InputError(f"{count} components", f"2 to {most}", "change --components")
    centred = x - x.mean(dim=0)
    columns: Tensor = torch.linalg.eigh(centred.T @ centred).eigenvectors  # largest last
    return columns.T.flip(0)[:count]


def fitted(rows: Tensor, train: Points) -> LinearFeatures:
    """Return rows scaled to mean 0 and variance 1 on the training images, facing the labels."""
    features = LinearFeatures.of_data(rows, train.x)
    return features.facing(features(train.x).T @ train.y)


def rules(rows: Tensor, train: Points, eps: float) -> Tensor:
    """Return the standard and the robust rule in the span of the components, (2, d).

    Each is the best feature of the Gaussian with the training images' class means and covariance:
    at eps 0, which is maximum likelihood, and at l2 eps.
    """
    seen = (train.x - train.x.mean(dim=0)) @ rows.T
    mean = (train.y[:, None] * seen).mean(dim=0)
    size = float(mean.norm())
    if eps >= size:
        raise InputError(f"eps {eps} for images", f"below {size:.3f}", "change --pixel-eps")
    within = (seen - train.y[:, None] * mean).T.cov(correction=0)
    classes = TwoGaussians(mean, (within + within.T) / 2)
    return torch.stack([best_feature(classes, "l2", size) for size in (0.0, eps)]) @ rows


def measure(
    train: Points, test: Points, names: tuple[str, str], count: int, coarse: int, eps: float,
    draws: int, seed: int,
) -> Measured:  # fmt: skip
    """Fit on training images, score on test images, and score again with permuted labels."""
    rows = components(train.x, count)
    made = torch.cat([rules(rows, train, eps), rules(rows[coarse:], train, 0.0)[:1]])
    features = fitted(rows, train)
    found = scores(features, test, eps, ALPHA / count)
    standard, robust, fine = scores(fitted(made, train), test, eps, ALPHA)
    values = features(test.x)
    hits = [_any_useful(values, test.y, stream(seed, "permute", i)) for i in range(draws)]
    every = torch.cat([features.weights, made])
    return Measured(
        names, every, test.shape, found, standard, robust, fine, Rate.share(sum(hits), draws)
    )


def scores(features: LinearFeatures, test: Points, eps: float, alpha: float) -> list[Score]:
    """Return rho and gamma of each feature on test images, for l2 changes that stay images."""
    found = []
    for i, (a, values) in enumerate(zip(features.weights, features(test.x).T, strict=True)):
        worst = worst_in_box(a, test.x, test.y, "l2", eps) @ a - features.offset[i]
        rho = usefulness(values, test.y, alpha)
        found.append(Score(rho, usefulness(worst, test.y, alpha)))
    return found


def _any_useful(values: Tensor, y: Tensor, generator: torch.Generator) -> bool:
    """Say whether any feature (n, k) looks useful once the labels are permuted."""
    permuted = y[torch.randperm(len(y), generator=generator)]
    alpha = ALPHA / values.shape[1]
    return any(usefulness(column, permuted, alpha).low > 0 for column in values.T)


def component_gallery(found: Measured, shown: int) -> Gallery:
    """Show components as images: the robust ones first, then those that are not."""
    picked = found.of(Kind.ROBUST)[: (shown + 1) // 2]
    picked += found.of(Kind.NON_ROBUST)[: shown - len(picked)]
    cells = [
        Cell(_image(found, i), _words(found.scores[i]), _tone(found.scores[i])) for i in picked
    ]
    return Gallery(
        "components",
        f"Principal components as features that tell {found.names[0]} from {found.names[1]}. "
        "Grey is weight 0. The broad ones are robust, the fine ones are useful and not robust.",
        tuple(f"component {i + 1}: {kind(found.scores[i])}" for i in picked),
        (tuple(cells),),
    )


def rule_gallery(found: Measured) -> Gallery:
    """Show the weights of the rules as images."""
    count = len(found.scores)
    made = (found.standard, found.robust, found.fine)
    cells = [Cell(_image(found, count + i), _words(s), _tone(s)) for i, s in enumerate(made)]
    return Gallery(
        "rules",
        f"What tells {found.names[0]} (light) from {found.names[1]} (dark), in the span of "
        f"{count} components: maximum likelihood, the rule of largest gamma, and maximum "
        "likelihood on the fine components alone, which is useful and falls to the adversary.",
        ("standard rule", "robust rule", "fine components"),
        (tuple(cells),),
    )


def _image(found: Measured, i: int) -> Tensor:
    weights = found.rows[i]
    return (0.5 + weights / (2 * weights.abs().max())).reshape(found.shape).float()


def _words(score: Score) -> str:
    return f"rho {score.rho.value:.2f}, gamma {score.gamma.value:.2f}"


def _tone(score: Score) -> str:
    return {Kind.ROBUST: "good", Kind.NON_ROBUST: "bad"}.get(kind(score), "plain")
