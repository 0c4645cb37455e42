"""Nets that studies of smoothing certify: shipped ones, those of CIFAR-10, and tiny ones.

SHIPPED_NOISE["0.5"]      # a recipe that takes `fashion-noise-0.5`
"""

from dataclasses import replace

from robustlens.data import Augmentation
from robustlens.recipes import Recipe
from robustlens.studies.kit.presets import TINY
from robustlens.training import TrainConfig

SHIPPED_NOISE = {
    sigma: Recipe(loss="noise", sigma=float(sigma), weights=f"fashion-noise-{sigma}")
    for sigma in ("0.12", "0.25", "0.5", "1")
}
"""Small nets of Fashion-MNIST, one for each level of noise, all trained alike."""
SHIPPED = {
    name: Recipe(loss=loss, sigma=0.5, weights=f"fashion-{name}-0.5")
    for name, loss in (
        ("noise", "noise"),
        ("smoothadv", "smoothadv"),
        ("macer", "macer"),
        ("consistency", "consistency"),
        ("denoised", "denoise"),
    )
}
"""Nets of Fashion-MNIST at sigma 0.5, one for each way of training, alike in all else."""

CIFAR = Recipe(
    data="cifar10",
    net="resnet",
    depth=8,
    width=48,
    stem_stride=2,
    loss="noise",
    eps="0.5",
    training=TrainConfig(
        epochs=30, lr=0.2, validation=0.02, augment=Augmentation(padding=4, flip=True)
    ),
)
"""The net of `cifar10-noise-0.25`, which one core trains in 41 minutes."""


def cifar_net(sigma: float, loss: str = "noise") -> Recipe:
    """Return the recipe of a CIFAR-10 net trained for noise; the shipped one where there is."""
    weights = "cifar10-noise-0.25" if (sigma, loss) == (0.25, "noise") else ""
    return replace(CIFAR, sigma=sigma, loss=loss, weights=weights)


def tiny_net(sigma: float, loss: str = "noise") -> Recipe:
    """Return the recipe of a net that trains for noise in a second."""
    return replace(TINY, sigma=sigma, loss=loss)
