"""Units of nets before and after robust training: what is useful and not robust is given up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from robustlens.balls import ball
from robustlens.errors import InputError
from robustlens.radii import parse_eps
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.kit.presets import (
    FULL,
    FULL_ROBUST,
    QUICK,
    QUICK_NOISY,
    QUICK_ROBUST,
    TINY,
    TINY_ROBUST,
)
from robustlens.studies.kit.words import above
from robustlens.studies.robust_training_prior import pictures
from robustlens.studies.robust_training_prior.measures import Look, Seen, look
from robustlens.theory.usefulness import Kind

FALSE_ALARMS = 0.05
"""Of units, under permuted labels: each looks useful with half this probability."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Three trainings of one net, and how their units are measured."""

    standard: Recipe = QUICK
    robust: Recipe = QUICK_ROBUST  # its ball is that of every unit's adversary
    noisy: Recipe = QUICK_NOISY
    units: int = 64  # penultimate units of each net, drawn at random; 0: all
    images: int = 60  # test images for each unit, half of its class
    steps: int = 10  # of each unit's adversary
    shares: tuple[float, ...] = (0.15, 0.3, 0.6)  # of the radius, for the curves
    followed: int = 16  # of the units, over those radii
    noise: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4, 0.8)  # sigmas of noise on images
    permutations: int = 50  # of the labels, as a control
    seed: int = 0


def study(config: Config, bench: Bench) -> Findings:
    """Score units of a standard, a robust and a noise-trained net on test images."""
    check(config)
    train, test = config.standard.dataset(), config.standard.dataset("test")
    eps = parse_eps(config.robust.eps)
    where = str(ball(config.robust.norm, eps))
    how = Look(
        norm=config.robust.norm,
        eps=eps,
        units=config.units,
        images=config.images,
        steps=config.steps,
        radii=tuple(share * eps for share in config.shares),
        followed=config.followed,
        noise=config.noise,
        permutations=config.permutations,
        seed=config.seed,
    )
    nets = {
        "standard net": config.standard,
        "robust net": config.robust,
        "noise-trained net": config.noisy,
    }
    seen = {
        name: look(fit(recipe, bench.folder, bench.device).model, train, test, how)
        for name, recipe in nets.items()
    }
    numbers = _numbers(seen, where)
    before, after = seen["standard net"], seen["robust net"]
    return Findings(
        judge(before, after),
        _summary(before, after, where),
        numbers,
        (
            pictures.plane(seen, where),
            pictures.bars(seen),
            pictures.gamma_curves(seen, config.robust.norm),
            pictures.noise_curves(seen),
        ),
        config.seed,
        {train.name: train.digest, f"{test.name}, test": test.digest},
    )


def check(config: Config) -> None:
    """Raise `InputError` for a value out of range, named as on the command line."""
    for name, value, fits, expected in (
        ("units", config.units, config.units == 0 or config.units >= 2, "0 for all, or at least 2"),
        ("images", config.images, config.images >= 4 and config.images % 2 == 0, "even, >= 4"),
        ("steps", config.steps, config.steps >= 1, "at least 1"),
        ("shares", config.shares, all(0 < s < 1 for s in config.shares), "shares below 1"),
        ("followed", config.followed, config.followed >= 2, "at least 2"),
        ("noise", config.noise, all(s >= 0 for s in config.noise), "numbers >= 0"),
        ("permutations", config.permutations, config.permutations >= 2, "at least 2"),
    ):
        if not fits:
            raise InputError(f"{name} is {value}", expected, f"change --{name}")
    if parse_eps(config.robust.eps) == 0:
        raise InputError("a robust net of eps 0", "eps > 0", "change --robust.eps")


def judge(before: Seen, after: Seen) -> Verdict:
    """Return the verdict by the rule of the study, for the standard and the robust net."""
    good = (
        before.mean("rho").low > 0 > before.mean("gamma").high
        and above(after.mean("gamma"), before.mean("gamma"))
        and above(before.share(Kind.NON_ROBUST), after.share(Kind.NON_ROBUST))
        and above(after.share(Kind.ROBUST), before.share(Kind.ROBUST))
        and above(before.margin(Kind.NON_ROBUST), after.margin(Kind.NON_ROBUST))
        and max(before.permuted.low, after.permuted.low) <= FALSE_ALARMS
    )
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def _numbers(seen: Mapping[str, Seen], where: str) -> dict[str, Number]:
    numbers = {}
    for wanted in (Kind.NON_ROBUST, Kind.ROBUST):
        for name, one in seen.items():
            numbers[f"{name}: share of units {wanted}, {where}"] = one.share(wanted)
    for name, one in seen.items():
        margin = one.margin(Kind.NON_ROBUST)
        numbers[f"{name}: share of its margin from units {Kind.NON_ROBUST}"] = margin
    for name, one in seen.items():
        numbers[f"{name}: mean rho of units"] = one.mean("rho")
        numbers[f"{name}: mean gamma of units, {where}"] = one.mean("gamma")
    for name, one in seen.items():
        numbers[f"{name}: clean accuracy"] = Number.of(one.accuracy)
        numbers[f"{name}: share of units that look useful under permuted labels"] = one.permuted
    return numbers


def _summary(before: Seen, after: Seen, where: str) -> str:
    shares = [one.share(Kind.NON_ROBUST).value for one in (before, after)]
    kept = [one.share(Kind.ROBUST).value for one in (before, after)]
    margin = [one.margin(Kind.NON_ROBUST).value for one in (before, after)]
    return (
        f"Against changes of {where}, {shares[0]:.0%} of the standard net's units are useful but "
        f"not robust and {kept[0]:.0%} robustly useful; of the robust net's {shares[1]:.0%} and "
        f"{kept[1]:.0%}. Units that are not robust give the standard net {margin[0]:.0%} of its "
        f"margin, the robust net {margin[1]:.0%}."
    )


SMALL = Config(
    standard=TINY,
    robust=TINY_ROBUST,
    noisy=replace(TINY, loss="noise", sigma=0.5),
    units=8,
    images=12,
    steps=4,
    shares=(0.5,),
    followed=4,
    noise=(0.0, 0.5),
    permutations=5,
)
STUDY = Study(
    id="robust-training-prior",
    title="Robust training gives up what is not robust",
    claim="Robust training makes features that are useful but not robust useless, so that a net "
    "trained robustly stands on robust ones; training with noise does the same by swamping them.",
    rule="Reproduced if, on test images and against changes as large as in robust training, (1) "
    "the units of the standard net have a mean rho above 0 and a mean gamma below 0, and those of "
    "the robust net a larger mean gamma, (2) units that are useful but not robust are a larger "
    "share of the units of the standard net, (3) robustly useful ones a larger share of those of "
    "the robust net, (4) units that are not robust give the standard net a larger share of its "
    "margin, each with intervals that do not meet, and (5) under permuted labels at most 5 % of "
    "units look useful, up to the interval. The noise-trained net is reported and does not count.",
    published="A claim without a number: the inner maximum of robust training leaves no use for a "
    "feature that an adversary can flip (the talk, section 14; Ilyas et al. 2019, section 2).",
    presets={
        "tiny": SMALL,
        "quick": Config(),
        "full": Config(
            standard=FULL,
            robust=FULL_ROBUST,
            noisy=replace(FULL, loss="noise", sigma=0.25),
            units=0,
            images=100,
            steps=20,
            followed=64,
            noise=(0.0, 0.05, 0.1, 0.25, 0.5),
        ),
    },
    function=study,
)
register(STUDY)
