"""Units and linear probes as features: scaled, and facing the class they tell most about.

r = represented(net, train)
probes = Probes.fit(r, train.labels, classes=10)               # every unit of the layer
probes = Probes.fit(r, train.labels, classes=10, rows=rows)    # linear features of the layer
probes.usefulness(represented(net, test), test.labels)         # rho of each, with intervals

A feature stands for a question of two answers: is the image of class `positive`, y = +1, or not,
y = -1? Both answers weigh a half, however many classes there are, as in the definition of Ilyas
et al. 2019, section 2. Under these weights a feature f has mean 0 and variance 1, and
rho = E[y f] is half the distance between the means of the two sides, at most 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.usefulness import Usefulness, signs, usefulness


@dataclass(frozen=True, eq=False)
class Probes:
    """k features f(x) = weights R(x) - offset of a representation R, each for a class.

    `weights` is (k, f), `offset` (k,) and `positive` (k,) int64; float64. A feature that was
    constant where it was fitted has weights 0 and is 0 everywhere: of no use to anyone.
    """

    weights: Tensor
    offset: Tensor
    positive: Tensor

    @classmethod
    def fit(
        cls,
        r: Tensor,
        labels: Tensor,
        classes: int,
        *,
        rows: Tensor | None = None,
        positive: Tensor | int | None = None,
    ) -> "Probes":
        """Return features scaled on representations r (n, f), facing their classes.

        Scale, sign and class are chosen here, so `r` must be of training images: measure on
        others.

        Args:
            r, labels: representations and class indices (n,); every class has images.
            rows: directions (k, f); default the units themselves.
            positive: the class of all features, or of each (k,); default for each feature the
                class for which its usefulness is largest in size.

        Raises:
            InputError: shapes that do not fit, a class without images, fewer than two classes.
        """
        rows = torch.eye(r.shape[1]) if rows is None else rows
        rows = rows.to(r.device).double()
        counts = torch.bincount(labels, minlength=classes)
        if rows.dim() != 2 or rows.shape[1] != r.shape[1] or labels.shape != r.shape[:1]:
            raise InputError(
                f"rows {tuple(rows.shape)}, representations {tuple(r.shape)} and labels "
                f"{tuple(labels.shape)}",
                "shapes (k, f), (n, f) and (n,)",
            )
        if classes < 2 or len(counts) != classes or not bool((counts > 0).all()):
            raise InputError(
                f"{len(labels)} images of {int((counts > 0).sum())} classes",
                f"some of each of {max(classes, 2)}",
                "use more images",
            )
        values = r.double() @ rows.T
        mean, std, half = _sides(values, labels.to(r.device), classes)
        alive = std > 1e-6 * values.abs().amax(dim=0)
        rho = torch.where(alive, half / std, 0.0)  # (classes, k)
        chosen = _chosen(rho, positive)
        at = torch.arange(len(rows), device=r.device)
        sign = torch.where(rho[chosen, at] < 0, -1.0, 1.0).double()
        factor = torch.where(alive[chosen, at], sign / std[chosen, at], 0.0)
        return cls(factor[:, None] * rows, factor * mean[chosen, at], chosen)

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, which: Tensor) -> "Probes":
        """Return some of the features, by their places."""
        return Probes(self.weights[which], self.offset[which], self.positive[which])

    def __call__(self, r: Tensor) -> Tensor:
        """Return the features (n, k) of representations (n, f)."""
        return r.double() @ self.weights.T - self.offset

    def usefulness(self, r: Tensor, labels: Tensor, alpha: float = 0.05) -> list[Usefulness]:
        """Return rho of each feature on representations r (n, f) of images with `labels`.

        A mean over all images, weighted so that both sides of each question count a half, with
        Student's interval; one of 1 - alpha for each feature alone.

        Raises:
            InputError: a class without images among them, as `theory.usefulness`.
        """
        found = []
        for values, positive in zip(self(r).T.cpu(), self.positive.tolist(), strict=True):
            y = signs(labels.cpu(), positive)
            ours = float((y > 0).double().mean())
            if not 0 < ours < 1:
                raise InputError(f"images on one side of class {positive}", "both sides")
            weight = torch.where(y > 0, 0.5 / ours, 0.5 / (1 - ours))
            found.append(usefulness(weight * values, y, alpha))
        return found


def _sides(values: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return balanced mean, deviation and half the distance of sides, each (classes, k)."""
    member = torch.nn.functional.one_hot(labels, classes).double().T  # (classes, n)
    inside = member / member.sum(dim=1, keepdim=True)
    outside = (1 - member) / (1 - member).sum(dim=1, keepdim=True)
    high, low = inside @ values, outside @ values
    mean = (high + low) / 2
    # Deviations from the overall mean, so that large values do not cancel.
    centre = values.mean(dim=0)
    square = (values - centre).square()
    spread = (inside @ square + outside @ square) / 2 - (mean - centre).square()
    return mean, spread.clamp_min(0).sqrt(), (high - low) / 2


def _chosen(rho: Tensor, positive: Tensor | int | None) -> Tensor:
    """Return the class of each feature, (k,) int64, from usefulness (classes, k)."""
    classes, k = rho.shape
    if positive is None:
        return rho.abs().argmax(dim=0)
    given = torch.as_tensor(positive, dtype=torch.int64, device=rho.device)
    if given.dim() > 1 or not bool(((given >= 0) & (given < classes)).all()):
        raise InputError(f"positive {positive}", f"classes from 0 to {classes - 1}")
    if given.dim() == 1 and len(given) != k:
        raise InputError(f"{len(given)} classes for {k} features", "one for each")
    return given.expand(k)
