"""Robust and non-robust features: in an exact Gaussian model, and in real images."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustlens.data import Dataset, load
from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.pictures import Plane
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.features_model import images
from robustlens.studies.features_model.gaussian import Model, checks, model, model_numbers
from robustlens.studies.features_model.pictures import (
    gamma_curves,
    noise_curves,
    weight_curves,
)
from robustlens.studies.kit.scores import sheet
from robustlens.theory.best_features import robust_rule
from robustlens.theory.usefulness import Kind, Usefulness

FALSE_ALARMS = 0.05
"""Of permutations: each calls some component useful with this probability at most."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The Gaussian model, the images, and how much is sampled."""

    dimension: int = 30  # features of the Gaussian model, every third one useless
    eps: float = 0.5  # radius in the Gaussian model, l2 and l-inf
    noise: tuple[float, ...] = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)  # sigmas added to the input
    samples: int = 20_000  # for each number that is checked
    pair: str = "Pullover,Coat"  # two classes of Fashion-MNIST
    components: int = 60  # principal components of the training images
    coarse: int = 10  # of them are coarse; the rest together are the fine rule
    pixel_eps: float = 0.5  # l2 radius for images; they stay in [0, 1]
    permutations: int = 100  # of the labels, as a control
    shown: int = 4  # components shown as images
    seed: int = 0


def study(config: Config, bench: Bench) -> Findings:
    """Score features of the Gaussian model and of images; compare standard and robust rules."""
    check(config)
    made = model(config.dimension, config.eps, config.seed)
    if not made.of(Kind.ROBUST) or not made.of(Kind.NON_ROBUST):
        size = float(made.classes.mean.max())
        raise InputError(f"eps {config.eps}", f"a radius well below {size:.3f}", "change --eps")
    rules = {
        "maximum likelihood": robust_rule(made.classes, "l2", 0.0),
        "robust rule, l2": robust_rule(made.classes, "l2", config.eps),
        "robust rule, l-inf": robust_rule(made.classes, "linf", config.eps),
    }
    train, test = load("fashion", "train"), load("fashion", "test")
    found = _images(train, test, config)
    pairs = checks(made, config.samples, config.seed)
    agreeing = Rate.share(sum(s.agrees(closed) for closed, s in pairs), len(pairs))
    shares = [made.fragile(rule) for rule in rules.values()]
    return Findings(
        judge(agreeing, shares, found),
        _summary(shares, found),
        model_numbers(made, rules, agreeing) | _image_numbers(found, config),
        (
            _plane(made, found),
            gamma_curves(made, config.samples, config.seed),
            weight_curves(made, rules),
            noise_curves(made, config.noise, config.samples, config.seed),
            images.component_gallery(found, config.shown),
            images.rule_gallery(found),
        ),
        config.seed,
        {test.name: test.digest, f"{train.name}, training": train.digest},
    )


def check(config: Config) -> None:
    """Raise `InputError` for a value out of range, named as on the command line."""
    for name, value, fits, expected in (
        ("dimension", config.dimension, config.dimension >= 3, "at least 3"),
        ("eps", config.eps, config.eps > 0, "a number > 0"),
        ("noise", config.noise, config.noise and min(config.noise) >= 0, "numbers >= 0"),
        ("noise", config.noise, config.noise and max(config.noise) > 0, "one above 0"),
        ("samples", config.samples, config.samples >= 100, "at least 100"),
        ("pixel-eps", config.pixel_eps, config.pixel_eps > 0, "a number > 0"),
        ("permutations", config.permutations, config.permutations >= 1, "at least 1"),
        ("coarse", config.coarse, 0 < config.coarse < config.components, "below --components"),
        ("shown", config.shown, config.shown >= 2, "at least 2"),
    ):
        if not fits:
            raise InputError(f"{name} is {value}", expected, f"change --{name}")


def judge(agreeing: Rate, shares: Sequence[float], found: images.Measured) -> Verdict:
    """Return the verdict by the rule of the study.

    `shares` are those of maximum likelihood, the robust l2 rule and the robust l-inf rule.
    """
    standard, robust, sparse = shares
    good = (
        agreeing.value == 1
        and robust < standard
        and sparse == 0
        and bool(found.of(Kind.ROBUST))
        and bool(found.of(Kind.NON_ROBUST))
        and found.robust.gamma.low > found.standard.gamma.high
        and found.permuted.low <= FALSE_ALARMS
    )
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def _images(train: Dataset, test: Dataset, config: Config) -> images.Measured:
    a, b = images.chosen(config.pair, train.classes)
    return images.measure(
        images.points(train, (a, b)),
        images.points(test, (a, b)),
        (train.classes[a], train.classes[b]),
        count=config.components,
        coarse=config.coarse,
        eps=config.pixel_eps,
        draws=config.permutations,
        seed=config.seed,
    )


def _image_numbers(found: images.Measured, config: Config) -> dict[str, Number]:
    where = f"l2 {config.pixel_eps:g}"
    numbers = {
        "images: robustly useful components": Number.exact(len(found.of(Kind.ROBUST))),
        "images: useful, not robust components": Number.exact(len(found.of(Kind.NON_ROBUST))),
    }
    scored = [("standard rule", found.standard), ("robust rule", found.robust)]
    scored += [("rule of the fine components", found.fine)]
    scored += [
        (f"most useful {name} component", found.scores[i])
        for name, wanted in (("robust", Kind.ROBUST), ("non-robust", Kind.NON_ROBUST))
        for i in found.of(wanted)[:1]
    ]
    for name, score in scored:
        numbers[f"images, {name}: rho"] = _number(score.rho)
        numbers[f"images, {name}: gamma, {where}"] = _number(score.gamma)
    return numbers | {
        "images, share of label permutations with a useful component": Number.of(found.permuted)
    }


def _number(found: Usefulness) -> Number:
    return Number(found.value, found.low, found.high, found.n)


def _summary(shares: Sequence[float], found: images.Measured) -> str:
    first, second = found.names
    return (
        f"In the Gaussian model maximum likelihood takes {shares[0]:.0%} of its margin from "
        f"features that are useful but not robust, the robust l2 rule {shares[1]:.0%}, the robust "
        f"l-inf rule {shares[2]:.0%}. Of {len(found.scores)} principal components that may tell "
        f"{first} from {second}, {len(found.of(Kind.ROBUST))} are robustly useful on held-out "
        f"images and {len(found.of(Kind.NON_ROBUST))} useful but not robust."
    )


def _plane(made: Model, found: images.Measured) -> Plane:
    return Plane(
        "rho-gamma",
        "Each dot is a linear feature: usefulness across, what the adversary leaves of it up. "
        "Above the line it is robust. Others are as useful and lie far below. Held out, "
        "a feature is called useless when it is not shown to be useful.",
        "usefulness rho",
        "robust usefulness gamma",
        (
            sheet("Gaussian model", made.scores),
            sheet(f"{found.names[0]} or {found.names[1]}, held out", found.scores),
        ),
        equal=False,
    )


STUDY = Study(
    id="features-model",
    title="Useful features, robust and not",
    claim="Data hold features that are useful and robust and features that are useful and not "
    "robust; a standard rule uses both, robust training and noise make it leave the latter.",
    rule="Reproduced if (1) in the Gaussian model every sampled rho and gamma is within 4 standard "
    "errors of its closed form, the robust l2 rule takes a smaller share of its margin from "
    "non-robust features than maximum likelihood and the robust l-inf rule takes none; and (2) on "
    "held-out images, against changes that keep pixels in [0, 1], with intervals that hold for all "
    "components at once, some component is robustly useful and some is useful but not robust, the "
    "robust rule has a larger gamma than the standard rule with intervals that do not meet, and "
    "under permuted labels some component looks useful in at most 5 % of permutations, up to "
    "the interval of that share. Pair, radius and number of components were chosen after trial "
    "runs, and the comparison of the two rules was added after one.",
    published="A definition and a claim, no number: a feature is rho-useful or gamma-robustly "
    "useful, data hold both kinds, and robust training makes non-robust features useless (Ilyas "
    "et al. 2019, section 2); for linear features gamma has a closed form (Goh 2019).",
    presets={
        "tiny": Config(samples=2_000, permutations=20),
        "quick": Config(),
        "full": Config(samples=1_000_000, permutations=1000),
    },
    function=study,
)
register(STUDY)
