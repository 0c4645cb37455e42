"""Another adversary, another robustness: nets trained against one critic before all the others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from robustlens import losses
from robustlens.attacks import Bound, bind, pgd
from robustlens.attacks.transform_attack import transform_search
from robustlens.balls import ball
from robustlens.data import Dataset
from robustlens.evaluation import Rate, accuracy, attacked_accuracy, on_device_of
from robustlens.pictures import Cell, Curves, Gallery
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.presets import FULL_ROBUST, QUICK_ROBUST, TINY_ROBUST
from robustlens.studies.kit.words import above, band, first_of_each, images_at, says
from robustlens.threats.transforms import Colour, Spatial
from robustlens.vision import loss_gradient, picture

CARRIED = 1 / 4
"""The rule: training for another critic may bring at most this share of the gain."""
SHARES = (0.0, 0.5, 1.0)
"""Strengths of the curves, as shares of the strength of training."""
Matrix = Mapping[tuple[str, str], Rate]
"""Accuracy by (net, critic)."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One recipe, trained against nobody, against its own ball and against spatial changes."""

    robust: Recipe = QUICK_ROBUST
    degrees: float = 30.0  # of the spatial critic
    shift: float = 0.1  # as a share of the side
    linf: str = "0.1"  # eps of the l-inf critic
    brightness: float = 0.2  # of the colour critic
    contrast: float = 0.3
    saturation: float = 0.0  # grey images have none
    tries: int = 5  # random changes an image in spatial training, the worst is trained on
    steps: int = 20  # of PGD
    grid: int = 5  # values along each parameter of the search
    images: int = 500  # test images, alike from every class; 0: all
    shown: int = 2  # images of the pictures
    seed: int = 0

    @property
    def spatial(self) -> Spatial:
        """The spatial critic."""
        return Spatial(self.degrees, self.shift)

    def critics(self) -> dict[str, Bound]:
        """Return the attacks by their names in the pictures; the first two are trained against."""
        colour = Colour(self.brightness, self.contrast, self.saturation)
        return {
            self.robust.norm: self.robust.attack(self.steps),
            "spatial": search(self.spatial, self.grid),
            "l-inf": bind(pgd, ball("linf", self.linf), steps=self.steps),
            "colour": search(colour, self.grid),
        }


def search(threat: Spatial | Colour, grid: int) -> Bound:
    """Return the search over a threat: a grid, ten tries and ten steps."""
    return bind(transform_search, threat, grid=grid, tries=10, steps=10)


def study(config: Config, bench: Bench) -> Findings:
    """Measure three nets under four critics, and see whether a gain carries over."""
    data = config.robust.dataset("test")
    data = data.limited(config.images)
    own = config.robust.norm
    nets = {
        "standard": fit(replace(config.robust, loss="standard"), bench.folder, bench.device).model,
        f"{own}-trained": fit(config.robust, bench.folder, bench.device).model,
        "spatially trained": fit_spatial(config, bench),
    }
    critics = config.critics()
    found = {
        (net, critic): _under(model, data, attack, config.seed)
        for net, model in nets.items()
        for critic, attack in critics.items()
    }
    clean = {net: accuracy(model, on_device_of(model, data)).rate for net, model in nets.items()}
    curves = _curves(nets, data, found, clean, config)
    return Findings(
        Verdict.REPRODUCED if holds(found, own) else Verdict.NOT_REPRODUCED,
        _summary(found, curves[1], own),
        _numbers(found, clean, critics, own),
        (
            _worst(nets, data, config),
            _listens(nets, data, config),
            *curves,
        ),
        config.seed,
        {data.name: data.digest},
    )


def holds(found: Matrix, own: str) -> bool:
    """Say whether each training helps against its own critic and hardly against the other."""
    trained = {own: f"{own}-trained", "spatial": "spatially trained"}
    for critic, other in ((own, "spatial"), ("spatial", own)):
        base = found["standard", critic]
        mine, theirs = found[trained[critic], critic], found[trained[other], critic]
        if not above(Number.of(mine), Number.of(base)):
            return False
        if theirs.value - base.value > CARRIED * (mine.value - base.value):
            return False
    return True


def fit_spatial(config: Config, bench: Bench) -> nn.Module:
    """Return the net trained on the worst of a few random spatial changes, trained once.

    Source: Engstrom et al. 2019, spatial robustness (worst-of-k training).
    """
    attack = bind(transform_search, config.spatial, grid=0, tries=config.tries, steps=0)
    recipe = replace(config.robust, weights="")  # those would be of another training
    loss = losses.adversarial(attack)
    return fit(recipe, bench.folder, bench.device, loss=loss, attack=attack).model


def _under(model: nn.Module, data: Dataset, attack: Bound, seed: int) -> Rate:
    return attacked_accuracy(model, on_device_of(model, data), attack, seed=seed).rate


def _summary(found: Matrix, spatial: Curves, own: str) -> str:
    nets = ("standard", f"{own}-trained", "spatially trained")
    near, full = (_three(found[net, critic].value for net in nets) for critic in (own, "spatial"))
    half = _three(series.y[SHARES.index(0.5)] for series in spatial.series)
    return (
        f"Under the {own} critic the standard, the {own}-trained and the spatially trained net "
        f"keep {near}; under the spatial critic {full}, and at half its strength {half}."
    )


def _three(values: Iterable[float]) -> str:
    first, second, third = (f"{value:.1%}" for value in values)
    return f"{first}, {second} and {third}"


def _numbers(
    found: Matrix, clean: Mapping[str, Rate], critics: Mapping[str, Bound], own: str
) -> dict[str, Number]:
    """Return all cells, those of the net trained in the ball under the spatial critic first."""
    first = (f"{own}-trained", "spatial")
    cells = {
        f"{net} net, accuracy under {critics[critic]}": Number.of(rate)
        for (net, critic), rate in sorted(found.items(), key=lambda cell: cell[0] != first)
    }
    return cells | {f"{net} net, clean accuracy": Number.of(rate) for net, rate in clean.items()}


def _shown(nets: Mapping[str, nn.Module], data: Dataset, config: Config) -> torch.Tensor:
    """Return the places of the first images of each class that all nets get right."""
    right = torch.ones(len(data), dtype=torch.bool)
    for model in nets.values():
        records = accuracy(model, on_device_of(model, data)).records
        right &= torch.tensor([record.clean == record.label for record in records])
    return first_of_each(data.labels.cpu(), right, config.shown)


def _worst(nets: Mapping[str, nn.Module], data: Dataset, config: Config) -> Gallery:
    """Show, for each image and net, the worst that each critic finds."""
    critics = config.critics()
    rows = []
    for at in _shown(nets, data, config).tolist():
        for net, model in nets.items():
            x, y = images_at(on_device_of(model, data), torch.tensor([at]))
            row = [Cell(x[0], f"{net}: {says(model, x, data.classes)[0].text}", "good")]
            for critic, attack in critics.items():
                moved = attack.worst()(model, x, y, stream(config.seed, "worst", critic, at))
                guess = says(model, moved, data.classes)[0]
                row.append(Cell(moved[0], guess.text, "good" if guess.label == y[0] else "bad"))
            rows.append(tuple(row))
    return Gallery(
        "worst-under-each-critic",
        "The first test images that all nets get right, and the worst change that each critic "
        "finds against each net, with what the net then says. Look in which columns a net holds: "
        "in that of the critic it was trained against, or in others as well.",
        ("image", *(f"worst, {critic}" for critic in critics)),
        tuple(rows),
    )


def _listens(nets: Mapping[str, nn.Module], data: Dataset, config: Config) -> Gallery:
    """Show the loss gradient of each net: what it listens to."""
    at = _shown(nets, data, replace(config, shown=max(config.shown, 4)))
    x, y = images_at(data, at)
    columns = [[Cell(image, data.classes[k]) for image, k in zip(x, y.tolist(), strict=True)]]
    for model in nets.values():
        here = on_device_of(model, data)
        columns.append([Cell(g) for g in picture(loss_gradient(model, *images_at(here, at)))])
    return Gallery(
        "gradients",
        "What each net listens to: its loss gradient at the image, clipped at 3 standard "
        "deviations, nothing smoothed.",
        ("image", *(f"{net}: gradient" for net in nets)),
        tuple(zip(*columns, strict=True)),
    )


def _curves(
    nets: Mapping[str, nn.Module],
    data: Dataset,
    found: Matrix,
    clean: Mapping[str, Rate],
    config: Config,
) -> tuple[Curves, Curves]:
    """Show both critics as their strength grows from nothing to that of training."""
    recipe, spatial = config.robust, config.spatial
    within = ball(recipe.norm, recipe.eps)

    def weaker_ball(share: float) -> Bound:
        return bind(pgd, ball(recipe.norm, share * within.eps), steps=config.steps)

    def weaker_spatial(share: float) -> Bound:
        threat = Spatial(share * spatial.degrees, share * spatial.shift)
        return search(threat, config.grid)

    def drawn(critic: str, weaker: Callable[[float], Bound], label: str) -> Curves:
        series = []
        for tone, (net, model) in zip(("bad", "good", "plain"), nets.items(), strict=True):
            between = [_under(model, data, weaker(s), config.seed) for s in SHARES[1:-1]]
            rates = [clean[net], *between, found[net, critic]]
            series.append(band(net, SHARES, rates, tone))
        return Curves(
            f"accuracy-under-{critic}",
            f"Accuracy under the {critic} critic as it is allowed more, with 95 % intervals; each "
            "strength is attacked anew.",
            label,
            "accuracy",
            tuple(series),
        )

    return (
        drawn(recipe.norm, weaker_ball, f"share of {within}"),
        drawn("spatial", weaker_spatial, f"share of {spatial}"),
    )


STUDY = Study(
    id="adversary-as-critic",
    title="Another critic, another robustness",
    claim="The same training against another set of changes gives another notion of robustness: "
    "a net that satisfies one critic does not satisfy the next.",
    rule="Reproduced if under the critic of the norm ball and under the spatial critic alike, the "
    "net trained against that critic beats the standard net with 95 % intervals that do not meet, "
    "and the net trained against the other critic gains at most a quarter as much over the "
    "standard net. The l-inf and colour critics are shown and do not decide.",
    published="Training against l-inf changes helps little against rotations and translations, "
    "training on the worst of 10 of these much (Engstrom et al. 2019, spatial robustness). Other "
    "data, net and norm here: compared in direction.",
    presets={
        "tiny": Config(robust=TINY_ROBUST, images=40, steps=3, grid=2, tries=2, shown=1),
        "quick": Config(robust=QUICK_ROBUST),
        "full": Config(robust=FULL_ROBUST, linf="8/255", saturation=0.5, tries=10, images=0),
    },
    function=study,
)
register(STUDY)
