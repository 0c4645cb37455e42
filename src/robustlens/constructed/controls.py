"""Control sets: what else could teach a net that is right on real images? Each leaves one thing.

    random_labels(source, net, folder)             # real images, random labels: nothing to learn
    random_changes(source, net, folder)            # changes of the same size that mean nothing
    mistakes(source, net, folder)                  # wrong labels a net gave, images as they are

Further controls are settings of `relabelled`: a robust net (its perturbations are robust
features), and nets that perturbations must not move (`against`).
Sources: Ilyas et al. 2019, appendix D; Nakkiran 2019 and Wallace 2019 (Distill discussion).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from robustlens.balls import ball as make_ball
from robustlens.balls import radius
from robustlens.constructed.builder import DROPPED, Made, Make, build
from robustlens.constructed.relabelled import targets_of
from robustlens.constructed.sources import fitting
from robustlens.data import Dataset
from robustlens.files import AnyPath
from robustlens.nets import Checkpoint, logits
from robustlens.streams import Draws, stream
from robustlens.types import Images, Labels


def random_labels(
    source: Dataset,
    net: nn.Module | Checkpoint,
    folder: AnyPath,
    *,
    targets: str = "random",
    seed: int = 0,
    batch_size: int = 250,
) -> Dataset:
    """Return the images as they are, with the labels that `relabelled` would give them.

    A net trained on it learns the relabelling and nothing else. `net` only judges, for the card.
    Raises as `relabelled`.
    """
    wanted = targets_of(source, targets, seed)
    model = fitting(net, source)

    def rename(x: Images, y: Labels, start: int) -> Made:
        return Made(x, wanted[start : start + len(x)].to(x.device))

    recipe = {"kind": "labels", "targets": targets}
    name = f"{source.name} labels {targets}"
    return _built(source, model, folder, rename, name, recipe, seed, batch_size)


def random_changes(
    source: Dataset,
    net: nn.Module | Checkpoint,
    folder: AnyPath,
    *,
    targets: str = "random",
    norm: str = "l2",
    eps: str = "0.5",
    seed: int = 0,
    batch_size: int = 250,
) -> Dataset:
    """Return images changed by random directions of length eps, labelled as by `relabelled`.

    Directions are Gaussian, scaled to length `eps` in `norm`; then pixels are clipped to [0, 1].
    Changes as large as those of `relabelled`, and without meaning. Raises as `relabelled`.
    """
    within, wanted = make_ball(norm, eps), targets_of(source, targets, seed)
    model = fitting(net, source)

    def shake(x: Images, y: Labels, start: int) -> Made:
        draw = Draws.of(x, stream(seed, "changes")).normal(*x.shape[1:])
        moved = (x + radius(within) * within.steepest(draw, x)).clamp(0, 1)
        return Made(within.project(moved, x), wanted[start : start + len(x)].to(x.device))

    recipe = {"kind": "random changes", "targets": targets, "ball": str(within)}
    name = f"{source.name} changed at random {targets} {within}"
    return _built(source, model, folder, shake, name, recipe, seed, batch_size)


def mistakes(
    source: Dataset,
    net: nn.Module | Checkpoint,
    folder: AnyPath,
    *,
    batch_size: int = 250,
) -> Dataset:
    """Return the images that `net` gets wrong, as they are, labelled with what it said.

    Every label is wrong, no pixel is changed: what a net's mistakes alone can teach
    (Wallace 2019). Raises `InputError` where the net makes no mistake, and as `relabelled`.
    """
    model = fitting(net, source)

    def wrong(x: Images, y: Labels, start: int) -> Made:
        with torch.no_grad():
            said = logits(model, x).argmax(dim=1)
        return Made(x, torch.where(said == y, DROPPED, said))

    recipe = {"kind": "mistakes"}
    return _built(source, model, folder, wrong, f"{source.name} mistakes", recipe, 0, batch_size)


def _built(
    source: Dataset,
    model: nn.Module,
    folder: AnyPath,
    make: Make,
    name: str,
    recipe: Mapping[str, Any],
    seed: int,
    batch_size: int,
) -> Dataset:
    return build(
        source,
        make,
        folder,
        name=name,
        recipe=recipe,
        models=[model],
        seed=seed,
        batch_size=batch_size,
    )
