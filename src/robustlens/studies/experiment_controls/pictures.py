"""The pictures of the critics' controls.

pictures = (who_learns(measured, level), pairs(config, made))
"""

from torch import Tensor, nn

from robustlens.ascend import ascend
from robustlens.balls import ball
from robustlens.data import load
from robustlens.data.augment import unit
from robustlens.modes import frozen
from robustlens.objectives import toward
from robustlens.pictures import Bar, Bars, Cell, Curves, Gallery
from robustlens.radii import parse_eps
from robustlens.result import Number
from robustlens.rules import Steepest
from robustlens.studies.experiment_controls.measures import Measured
from robustlens.studies.experiment_controls.sets import Config, Sets
from robustlens.studies.kit.made import right
from robustlens.studies.kit.words import band, first_of_each, says

WIDER = 3
"""The last column goes so many radii far, for a change that a person can read."""


def who_learns(m: Measured, level: float) -> Bars:
    """Return accuracy on real images after training on each set, the simple experiment on top."""
    rows = (
        ("pushed by a standard net, random targets", m.rand, "good"),
        ("the same, next class as target", m.det, "good"),
        ("pushed by a robust net, random targets", m.robust_rand, "plain"),
        ("the same, next class as target", m.robust_det, "plain"),
        ("robust features only, random targets", m.leak_rand, "plain"),
        ("robust features only, next class", m.leak_det, "plain"),
        ("pushed where other nets do not follow", m.guarded, "plain"),
        ("a net's mistakes, images as they are", m.mistakes, "plain"),
        ("random labels, images as they are", m.labels, "bad"),
        ("random labels, changed at random", m.changes, "bad"),
    )
    return _above_chance(
        "controls",
        "Accuracy on untouched test images after training on each set alone: the simple "
        "experiment in the first two rows, the critics' controls below, the sets from which "
        "nothing can be learned last.",
        "accuracy on real test images",
        rows,
        level,
    )


def which_label(m: Measured, level: float) -> Bars:
    """Return what the nets taught 'next class' say of real images: their class, or the next."""
    rows = (
        ("pushed by a standard net: its own class", m.det, "good"),
        ("pushed by a standard net: the next class", m.next_det, "bad"),
        ("pushed by a robust net: its own class", m.robust_det, "good"),
        ("pushed by a robust net: the next class", m.next_robust_det, "bad"),
    )
    return _above_chance(
        "which-label",
        "Every image was labelled with the class after its own. What the trained net says of real "
        "test images: their own class if it reads what was pushed in, the next one if it reads "
        "what was left of the image.",
        "share of real test images",
        rows,
        level,
    )


def over_radii(m: Measured, eps: float, norm: str) -> Curves:
    """Return accuracy after training on pushed images over the radius; at 0 the labels alone."""
    points = sorted([(0.0, m.labels), (eps, m.rand), *m.sweep], key=lambda point: point[0])
    return Curves(
        "radii",
        "Accuracy on untouched test images after training on images pushed towards random "
        "targets, over how far they were pushed. At 0 are the same labels on images as they are.",
        f"{norm} radius of the push",
        "accuracy on real test images",
        (
            band(
                "standard net, random targets",
                [at for at, _ in points],
                [number for _, number in points],
                "good",
            ),
        ),
    )


def pairs(config: Config, made: Sets) -> Gallery:
    """Return images pushed to the next class by both nets, within the radius and far beyond it."""
    standard, robust = (load(str(folder)) for folder in (made.det, made.robust_det))
    moved = right(made.standard.model, standard)
    best = moved & right(made.robust.model, robust)
    rows = first_of_each(made.source.labels, best if best.any() else moved, config.shown)
    x, seen = unit(made.source.images[rows]), [unit(d.images[rows]) for d in (standard, robust)]
    far = _far(config, made.robust.model, x, standard.labels[rows])
    names = made.source.classes
    columns = [
        [Cell(image, names[int(k)]) for image, k in zip(x, made.source.labels[rows], strict=True)],
        *(
            [
                Cell(image, guess.text, "plain" if guess.label == int(k) else "bad")
                for image, guess, k in zip(
                    after, says(made.robust.model, after, names), made.source.labels[rows],
                    strict=True,
                )
            ]
            for after in (*seen, far)
        ),
    ]  # fmt: skip
    labels = [names[int(k)] for k in standard.labels[rows]]
    return Gallery(
        "standard-and-robust",
        f"Training images pushed towards the next class, by each net within the same radius and by "
        f"the robust net within {WIDER} times that; below, what the robust net says of each. The "
        "first images of their class that both nets were fooled on. Labels, from the top: "
        f"{', '.join(labels)}.",
        ("image", "pushed by a standard net", "pushed by a robust net", f"{WIDER} times as far"),
        tuple(zip(*columns, strict=True)),
    )


def _far(config: Config, robust: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Return images pushed by the robust net until a person can see what it is after."""
    making = config.making
    wide = ball(making.norm, f"{WIDER * parse_eps(making.eps):g}")
    device = next(robust.parameters()).device
    with frozen(robust):
        found = ascend(
            toward(robust, target.to(device)),
            x.to(device),
            wide,
            Steepest(making.step_size * WIDER),
            steps=making.steps,
        )
    return found.best.cpu()


def _above_chance(
    name: str, caption: str, label: str, rows: tuple[tuple[str, Number, str], ...], level: float
) -> Bars:
    """Return (words, number, tone) as bars with a mark at the level of a guess."""
    bars = tuple(Bar(words, n.value, n.low, n.high, tone) for words, n, tone in rows)
    return Bars(name, caption, label, bars, ((level, "chance"),))
