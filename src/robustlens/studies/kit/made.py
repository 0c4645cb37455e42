"""What studies of constructed sets share: how a set is made, where it lies, who learns from it.

folder = place(bench, "relabelled", asdict(making), recipe)
net = taught(learner, folder, bench)          # trained on the set alone, its last epoch
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from robustlens.bounds import mean_interval
from robustlens.constructed import random_changes, random_labels, relabelled
from robustlens.constructed.kinds import Hold
from robustlens.constructed.pushing import AS_IT_IS
from robustlens.data import Augmentation, Dataset
from robustlens.evaluation import accuracy, on_device_of
from robustlens.files import digest_json
from robustlens.nets import Checkpoint, among
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench
from robustlens.result import Number
from robustlens.studies.kit.presets import QUICK
from robustlens.training import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Making:
    """How images are pushed towards another class."""

    norm: str = "l2"
    eps: str = "1.5"  # radius in [0, 1] units
    steps: int = 30
    step_size: float = 0.3
    nets: int = 1  # pushed together, alike but for their seeds
    beyond: str = ""  # data of more classes, for one more net, asked about those of the images
    augment: Augmentation = AS_IT_IS  # how the nets see the image in every step

    def friends(self, recipe: Recipe) -> list[Recipe]:
        """Return the recipes of the nets beside that of `recipe`.

        Those alike have the seeds after its own; the one of more classes has its seed.
        """
        alike = replace(recipe, weights="")
        found = [replace(alike, seed=recipe.seed + k) for k in range(1, self.nets)]
        return [*found, replace(alike, data=self.beyond)] if self.beyond else found


def place(bench: Bench, kind: str, settings: Mapping[str, Any], recipe: Recipe) -> Path:
    """Return the folder of a set made with the net of `recipe`: other settings, another folder."""
    digest = digest_json({"settings": dict(settings), "net": recipe.as_dict()})
    return bench.folder.parent / "made" / f"{kind}-{digest[:8]}"


def pushed(
    source: Dataset,
    net: Checkpoint,
    recipe: Recipe,
    making: Making,
    targets: str,
    seed: int,
    bench: Bench,
    against: Sequence[Recipe] = (),
    penalty: float = 1.0,
    hold: Hold = "class",
) -> Path:
    """Return the folder of `source` relabelled with the net of `recipe`.

    Pushed are `net` and `making.friends`. The nets of the recipes `against` must not be moved, see
    `relabelled` (`penalty`, `hold`).
    """
    settings = {"targets": targets, "seed": seed, "n": len(source), **asdict(making)}
    if against:
        settings |= {"against": [one.as_dict() for one in against], "penalty": penalty}
    if hold != "class":
        settings |= {"hold": hold}
    folder = place(bench, f"relabelled-{targets}", settings, recipe)
    friends, others = (
        [_of(fit(one, bench.folder, bench.device), source) for one in recipes]
        for recipes in (making.friends(recipe), against)
    )
    relabelled(
        source,
        net,
        folder,
        targets=targets,
        norm=making.norm,
        eps=making.eps,
        steps=making.steps,
        step_size=making.step_size,
        also=friends,
        against=others,
        penalty=penalty,
        hold=hold,
        augment=making.augment,
        seed=seed,
    )
    return folder


def _of(net: Checkpoint, source: Dataset) -> Checkpoint:
    known = set(net.card.classes)
    return among(net, source.classes) if known > set(source.classes) else net


def meaningless(
    source: Dataset, net: Checkpoint, recipe: Recipe, making: Making, seed: int, bench: Bench
) -> tuple[Path, Path]:
    """Return the folders of two sets with random labels: images as they are, changed at random.

    Changes are as long as those of `pushed`. Nothing in these sets says what a class looks like.
    """
    what = {"seed": seed, "n": len(source), "norm": making.norm, "eps": making.eps}
    plain, shaken = (place(bench, kind, what, recipe) for kind in ("labels", "changed"))
    random_labels(source, net, plain, seed=seed)
    random_changes(source, net, shaken, norm=making.norm, eps=making.eps, seed=seed)
    return plain, shaken


def taught(learner: Recipe, folder: Path, bench: Bench) -> nn.Module:
    """Return a net trained on the set in `folder` and nothing else, as its last epoch left it.

    Its labels say nothing of the test images, so no validation image could select an epoch.
    """
    training = replace(learner.training, validation=0)
    recipe = replace(learner, data=str(folder), images=0, loss="standard", training=training)
    return fit(recipe, bench.folder, bench.device)[0]


def quick_learner(epochs: int) -> Recipe:
    """Return the quick net as it is trained on a set: on moved and mirrored images, all of them."""
    augment = Augmentation(padding=2, flip=True)
    return replace(
        QUICK, training=TrainConfig(epochs=epochs, lr=0.1, validation=0, augment=augment)
    )


LEARNER = quick_learner(epochs=12)
"""The quick net, as studies of relabelled sets teach it."""


def right(model: nn.Module, test: Dataset) -> Tensor:
    """Return which test images the model gets right, boolean (n,)."""
    found = accuracy(model, on_device_of(model, test))
    return torch.tensor([not record.by for record in found.records])


def over_classes(hits: Tensor, labels: Tensor, classes: int, together: int = 1) -> Number:
    """Return an accuracy with Student's interval over classes instead of images.

    `together` such intervals hold at the same time with probability 95 % (Bonferroni).

    A net that learned labels without meaning gives most images of a class the same answer, so
    that images of a class are not independent draws; classes are.
    """
    shares = [float(hits[labels == k].float().mean()) for k in range(classes)]
    low, high = mean_interval(shares, alpha=0.05 / together)
    value = sum(shares) / classes
    return Number(value, max(low, 0.0), min(high, 1.0), int(hits.numel()))


def chance(test: Dataset) -> float:
    """Return the accuracy of a guess that looks at nothing."""
    return 1 / len(test.classes)
