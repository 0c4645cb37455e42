"""What is measured with the sets of the critics' controls: mostly, who learns from them.

measured = measure(config, bench, sets(config, bench))
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from robustlens.data import Dataset, batches, load
from robustlens.evaluation import Rate, on_device_of
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.recipes import fit
from robustlens.registry import Bench
from robustlens.result import Number
from robustlens.studies.experiment_controls.sets import Config, Sets
from robustlens.studies.kit.made import over_classes, right, taught
from robustlens.studies.kit.words import mean
from robustlens.usefulness import leakage

LONGEST = 5
"""A small set is seen for as many steps as a large one, up to so many times the epochs."""
ILYAS = "Ilyas et al. 2019, CIFAR-10, ResNet-50"
GOH = "Goh 2019, CIFAR-10"
WALLACE = "Wallace 2019, CIFAR-10, ResNet-18"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Accuracy on real test images after training on each set alone, unless said otherwise."""

    rand: Number  # pushed with the standard net towards random targets: the simple experiment
    det: Number  # the same with the next class as target
    labels: Number  # the random labels, on images as they are
    changes: Number  # the random labels, on images changed at random
    robust_rand: Number  # pushed with the robust net, random targets
    robust_det: Number  # pushed with the robust net, next class
    next_det: Number  # share of test images that the net of `det` calls the next class
    next_robust_det: Number  # the same of the net of `robust_det`
    leak_rand: Number  # a linear head on the robust net's features, trained on the set of `rand`
    leak_det: Number  # the same, trained on the set of `det`
    guarded: Number  # pushed as for `rand`, without moving the guards
    fooled: Number  # share of guarded images that the standard net gives the other label
    moved: Number  # share of the images of `rand` that witnesses give the other label
    unmoved: Number  # the same share of guarded images
    near: Number  # share of images as they are whose other label is witnesses' first wrong class
    near_moved: Number  # the same share of the images of `rand`
    near_unmoved: Number  # the same share of guarded images
    mistakes: Number  # images as they are with the wrong labels a net gave
    brief: Number  # accuracy of that net itself
    wrong: int  # how many mistakes it made
    sweep: tuple[tuple[float, Number], ...]  # (radius, accuracy) for further radii


def measure(config: Config, bench: Bench, made: Sets) -> Measured:
    """Train a net on every set and ask it about real test images."""
    test = made.test

    def learned(folder: Path) -> nn.Module:
        return taught(config.learner, folder, bench)

    def known(folder: Path, published: str | None = None, source: str | None = None) -> Number:
        return Number.of(Rate.of(right(learned(folder), test)), published, source)

    def silent(folder: Path) -> Number:
        hits = right(learned(folder), test)
        return over_classes(hits, test.labels, len(test.classes), together=2)

    def leaked(folder: Path, published: str) -> Number:
        return Number.of(
            leakage(made.robust.model, load(str(folder)), test).accuracy, published, GOH
        )

    def called_next(folder: Path, published: str) -> Number:
        after = replace(test, labels=(test.labels + 1) % len(test.classes))
        return Number.of(Rate.of(right(learned(folder), after)), published, f"{ILYAS}, Table 10")

    others = config.others()[config.guards :]
    witnesses = [fit(recipe, bench.folder, bench.device).model for recipe in others]
    return Measured(
        rand=known(made.rand, "63.3 %", f"{ILYAS}, Table 1"),
        det=known(made.det, "43.7 %", f"{ILYAS}, Table 1"),
        labels=silent(made.labels),
        changes=silent(made.changes),
        robust_rand=known(made.robust_rand, "25.2 %", f"{ILYAS}, Table 9"),
        robust_det=known(made.robust_det, "5.8 %", f"{ILYAS}, Table 9"),
        next_det=called_next(made.det, "16.2 %"),
        next_robust_det=called_next(made.robust_det, "65.5 %"),
        leak_rand=leaked(made.rand, "at least 23.5 %"),
        leak_det=leaked(made.det, "no leakage"),
        guarded=known(made.guarded, "does not learn", "Nakkiran 2019"),
        fooled=_obeyed([made.standard.model], made.source, made.guarded),
        moved=_obeyed(witnesses, made.source, made.rand),
        unmoved=_obeyed(witnesses, made.source, made.guarded),
        near=_nearest(witnesses, made.source, made.source, made.rand),
        near_moved=_nearest(witnesses, made.source, load(str(made.rand)), made.rand),
        near_unmoved=_nearest(witnesses, made.source, load(str(made.guarded)), made.guarded),
        mistakes=_from_mistakes(config, bench, made),
        brief=Number.of(Rate.of(right(made.brief.model, test)), "63.1 %", WALLACE),
        wrong=len(load(str(made.mistakes))),
        sweep=tuple((eps, known(folder)) for eps, folder in made.wider),
    )


def _obeyed(nets: list[nn.Module], source: Dataset, folder: Path) -> Number:
    """Return how often nets give an image its new label, where that is not its own class.

    Of several nets the mean is taken image by image, since images are what is drawn at random.
    """
    made = load(str(folder))
    other = made.labels.cpu() != source.labels.cpu()
    seen = torch.stack([right(net, made) for net in nets]).double().mean(dim=0)
    return _within_bounds(mean(seen[other]))


def _nearest(nets: list[nn.Module], source: Dataset, shown: Dataset, folder: Path) -> Number:
    """Return how often the label in `folder` is the first class besides the image's own.

    A change may push nets towards its label and be outweighed: then they do not obey, and yet the
    label comes first among the wrong classes.
    """
    labels, own = load(str(folder)).labels.cpu(), source.labels.cpu()
    hits = torch.zeros(len(own), dtype=torch.float64)
    for net in nets:
        data = on_device_of(net, shown)
        with frozen(net), torch.no_grad():
            z = torch.cat([logits(net, x).cpu() for x, _ in batches(data, 250)])
        z[torch.arange(len(own)), own] = -torch.inf
        hits += (z.argmax(dim=1) == labels) / len(nets)
    return _within_bounds(mean(hits[labels != own]))


def _within_bounds(share: Number) -> Number:
    return replace(share, low=max(share.low, 0.0), high=min(share.high, 1.0))


def _from_mistakes(config: Config, bench: Bench, made: Sets) -> Number:
    """Return what a net knows that was taught a brief net's mistakes, in about as many steps."""
    training = config.learner.training
    fewer = len(made.source) / len(load(str(made.mistakes)))
    times = min(LONGEST, max(1, round(fewer)))
    longer = replace(config.learner, training=replace(training, epochs=training.epochs * times))
    hits = right(taught(longer, made.mistakes, bench), made.test)
    return Number.of(Rate.of(hits), "49.7 %", WALLACE)
