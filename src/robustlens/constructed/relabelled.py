"""Relabelled sets: every image pushed a little towards a class, and labelled with it.

    data = relabelled(source, net, folder, targets="random", eps="0.5", seed=0)    # D_rand
    data = relabelled(source, net, folder, targets="next")                         # D_det
    data = relabelled(cats_and_dogs, net, folder, targets="other")                 # all wrong

To a person the labels look wrong; a net trained on them is right on real images.
Source: Ilyas et al. 2019, section 3.2, Figure 6 and appendix C.5.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from robustlens.ascend import ascend
from robustlens.balls import Ball
from robustlens.balls import ball as make_ball
from robustlens.constructed.builder import Made, Make, build
from robustlens.constructed.kinds import Hold
from robustlens.constructed.pushing import AS_IT_IS, Push, quick
from robustlens.constructed.sources import fitting
from robustlens.data import Augmentation, Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.files import AnyPath
from robustlens.nets import Checkpoint
from robustlens.rules import Steepest
from robustlens.streams import stream
from robustlens.types import Images, Labels, Model


def random_targets(labels: Labels, classes: int, seed: int) -> Labels:
    """Return a class for each image, uniform over all of them, its own included (D_rand)."""
    return torch.randint(classes, labels.shape, generator=stream(seed, "targets"))


def wrong_targets(labels: Labels, classes: int, seed: int) -> Labels:
    """Return a class for each image, uniform over those that are not its own."""
    step = torch.randint(1, classes, labels.shape, generator=stream(seed, "targets"))
    return (labels.cpu() + step) % classes


def next_targets(labels: Labels, classes: int, seed: int = 0) -> Labels:
    """Return the class after each image's own, around the circle (D_det)."""
    return (labels.cpu() + 1) % classes


def other_targets(labels: Labels, classes: int, seed: int = 0) -> Labels:
    """Return the other of two classes: every label is wrong (the talk's dogs and cats).

    Raises:
        InputError: not two classes.
    """
    if classes != 2:
        raise InputError(
            f"targets 'other' for {classes} classes", "two classes", "use 'next' or 'random'"
        )
    return 1 - labels.cpu()


TARGETS: dict[str, Callable[[Labels, int, int], Labels]] = {
    "random": random_targets,
    "wrong": wrong_targets,
    "next": next_targets,
    "other": other_targets,
}
"""Which class each image is pushed towards, by name."""


def targets_of(source: Dataset, name: str, seed: int) -> Labels:
    """Return the targets of all images of `source` by the rule `name`, on the CPU."""
    if name not in TARGETS:
        raise UnknownName("targets", name, TARGETS)
    return TARGETS[name](source.labels.cpu(), len(source.classes), seed)


def relabelled(
    source: Dataset,
    net: nn.Module | Checkpoint,
    folder: AnyPath,
    *,
    targets: str = "random",
    norm: str = "l2",
    eps: str = "0.5",
    steps: int = 100,
    step_size: float = 0.1,
    also: Sequence[nn.Module | Checkpoint] = (),
    against: Sequence[nn.Module | Checkpoint] = (),
    penalty: float = 1.0,
    hold: Hold = "class",
    augment: Augmentation = AS_IT_IS,
    twin: bool = True,
    seed: int = 0,
    batch_size: int = 250,
) -> Dataset:
    """Return `source` with every image pushed towards a target class, and labelled with it.

    The push is projected gradient ascent on the log-probability of the target from the image
    itself; of all points met the best is taken, also where the net is not fooled.

    Args:
        source, net, folder: images, the net whose features are written in, where it is built.
        targets: "random", "wrong", "next" or "other", see `TARGETS`.
        norm, eps: the ball, eps in [0, 1] pixel units.
        steps, step_size: of the ascent; 100 and 0.1 in the paper (l2 0.5 on CIFAR-10).
        also: further nets that are pushed at the same time; perturbations then are of features
            that all of them use.
        against: nets that must not be moved, so that perturbations do not transfer (after
            Nakkiran 2019).
        penalty, hold: what of those nets must not move, and how much that counts: "class" adds
            `penalty` times the mean of their log-probability of the true class; "logits" subtracts
            `penalty` times their mean distance from the logits of the image, relative to these.
        augment: the nets see the image through a fresh draw of it in every step.
        twin: search on faster copies of the nets where there are some that agree with them.
        seed: of random targets and of the augmentation.

    Raises:
        InputError: nets that do not fit the images (see `fitting`), bad settings, another build in
            the folder.
    """
    _check(steps, step_size)
    within, wanted = make_ball(norm, eps), targets_of(source, targets, seed)
    friends, asked = _nets((net, *also), source, twin)
    enemies, avoided = _nets(against, source, twin)
    push = Push(asked, avoided, penalty, hold, augment, seed)
    recipe = {
        "kind": "relabelled",
        "targets": targets,
        "ball": str(within),
        "steps": steps,
        "step_size": step_size,
        "also": len(also),
        "against": len(against),
        "penalty": penalty if against else 0.0,
        "augment": str(augment),
        "twin": twin,
    } | ({} if hold == "class" else {"hold": hold})
    return build(
        source,
        _pushed(push, wanted, within, Steepest(step_size), steps),
        folder,
        name=f"{source.name} relabelled {targets} {within}",
        recipe=recipe,
        models=[*friends, *enemies],
        seed=seed,
        batch_size=batch_size,
    )


def _pushed(push: Push, wanted: Labels, within: Ball, rule: Steepest, steps: int) -> Make:
    """Return how a batch that begins at an image of the source is made."""

    def make(x: Images, y: Labels, start: int) -> Made:
        target = wanted[start : start + len(x)].to(x.device)
        goal = push.goal(x, y, target, start)
        return Made(ascend(goal, x, within, rule, steps=steps).best, target)

    return make


def _nets(
    nets: Sequence[nn.Module | Checkpoint], source: Dataset, twin: bool
) -> tuple[list[nn.Module], list[Model]]:
    """Return the nets, which fit the images, and those that are searched on in their place."""
    fit = [fitting(one, source) for one in nets]
    return fit, [quick(one, source) if twin else one for one in fit]


def _check(steps: int, step_size: float) -> None:
    if steps < 1 or not step_size > 0:
        raise InputError(
            f"steps {steps}, step_size {step_size}", "steps >= 1, step_size > 0", "change them"
        )
