"""The recipes that studies share, so that a model is trained once for all of them.

tiny: seconds, for tests; quick: minutes on two cores, packaged Fashion-MNIST; full: CIFAR-10 with
the ResNet-18 and the l2 radius of the reference tables, for an accelerator.
"""

from dataclasses import replace

from robustlens.data import Augmentation
from robustlens.recipes import Recipe
from robustlens.training import TrainConfig

TINY = Recipe(
    images=400, width=4, steps=2, training=TrainConfig(epochs=2, batch_size=50, validation=0.1)
)
TINY_ROBUST = replace(TINY, loss="adversarial")

QUICK = Recipe(
    width=24,
    training=TrainConfig(epochs=10, lr=0.1, augment=Augmentation(padding=2, flip=True)),
)
QUICK_ROBUST = replace(QUICK, loss="adversarial", steps=5, training=TrainConfig(epochs=12, lr=0.1))
QUICK_NOISY = replace(QUICK, loss="noise", sigma=0.5)

FULL = Recipe(
    data="cifar10",
    net="resnet",
    depth=18,
    width=64,
    eps="0.5",
    training=TrainConfig(epochs=40, lr=0.2, augment=Augmentation(padding=4, flip=True)),
)
FULL_ROBUST = replace(FULL, loss="adversarial", steps=7)
