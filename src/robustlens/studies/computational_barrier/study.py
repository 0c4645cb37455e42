"""A robust rule exists, few examples fix it, and training does not find it: a toy."""

from dataclasses import dataclass
from itertools import pairwise

import torch

from robustlens.errors import InputError
from robustlens.losses import standard
from robustlens.pictures import Curves
from robustlens.rate import Rate
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.computational_barrier.learners import (
    Budget,
    Learned,
    Net,
    attacked,
    held,
    learn,
    train,
)
from robustlens.studies.computational_barrier.pictures import (
    BETWEEN,
    RADII,
    cost_picture,
    search_picture,
    security_picture,
)
from robustlens.theory.low_magnitude import BLACK_TO_WHITE, CodedParity
from robustlens.theory.parity_search import (
    Search,
    examples_enough,
    query_signal,
    rules_to_try,
    search,
)

TAKES, FALLS, CHANCE, NEAR = 0.99, 0.01, 0.55, 0.05
"""The rule: the code taken, the code lost, no better than chance, as good as the parity."""
MOST_RULES = 20_000_000
"""The search tries about three million a second."""
COUNTS = ("hidden", "steps", "batch", "attack_steps", "tests")


@dataclass(frozen=True, kw_only=True)
class Config(Budget):
    """Pictures with a secret, and learners of a fixed budget."""

    bits: int = 40  # black or white pixels
    sizes: tuple[int, ...] = (1, 2, 4, 6)  # of the secret; the last is the claim's, 1 the control
    noise: float = 0.05  # labels that break the parity
    amplitude: float = 0.1  # of the code, in pixel units


def study(config: Config, bench: Bench) -> Findings:
    """Train with and without an adversary, and search the secret, at one budget for all sizes."""
    _check(config)
    learned = [learn(world(size, config), config) for size in config.sizes]
    easy, hard = learned[0], learned[-1]
    plain = train(hard.world, standard, config)
    found = _search(hard.world, config)
    rates = {
        "clean": attacked(plain, hard.world, config, 0.0),
        "standard": attacked(plain, hard.world, config, config.eps),
        "robust": hard.under_attack,
        "easy": easy.under_attack,
        "search": held(found.subset, hard.world, config, config.eps),
    }
    size = config.sizes[-1]
    examples = examples_enough(config.bits, size, config.noise)
    right = set(found.subset) == set(hard.world.secret)
    summary = (
        f"At eps {config.eps:g} the parity of {size} secret pixels holds "
        f"{rates['search'].value:.1%}; {examples} examples and {found.tried:,} trials find it. "
        f"Standard training takes the code and falls from {rates['clean'].value:.1%} to "
        f"{rates['standard'].value:.1%}; robust training of {config.steps * config.batch:,} "
        f"examples ends at {rates['robust'].value:.1%}, with a secret of one pixel at "
        f"{rates['easy'].value:.1%}."
    )
    return Findings(
        verdict({name: rate.value for name, rate in rates.items()}, right, config.noise),
        summary,
        _numbers(rates, hard, found, config),
        (
            _security(plain, easy, hard, found, config),
            search_picture([(one.world, one.under_attack, one.codeless) for one in learned]),
            cost_picture(config.sizes[-1], config.noise),
        ),
        config.seed,
        {},
    )


def _numbers(
    rates: dict[str, Rate], hard: Learned, found: Search, config: Config
) -> dict[str, Number]:
    """Return the accuracies that were measured, and what is known of the largest secret."""
    size = config.sizes[-1]
    examples = examples_enough(config.bits, size, config.noise)
    return {
        "robust training, accuracy under attack": Number.of(rates["robust"]),
        "rule found by search, accuracy under attack": Number.of(rates["search"]),
        "standard training, accuracy": Number.of(rates["clean"]),
        "standard training, accuracy under attack": Number.of(rates["standard"]),
        "robust training, secret of 1 pixel, accuracy under attack": Number.of(rates["easy"]),
        "training without code or adversary, accuracy": Number.of(hard.codeless),
        "secret parity, accuracy under attack, closed form": Number.exact(
            hard.world.parity_accuracy(hard.world.secret, config.eps)
        ),
        "linear rules, most accuracy under attack": Number.exact(hard.world.linear_ceiling()),
        "rules to try": Number.exact(float(found.tried)),
        "examples the search needs": Number.exact(float(examples)),
        "examples each training saw": Number.exact(float(config.steps * config.batch)),
        "what an average over data tells (root mean square)": Number.exact(
            query_signal(config.bits, size, config.noise)
        ),
    }


def verdict(rates: dict[str, float], right: bool, noise: float) -> Verdict:
    """Apply the rule to accuracies by name, and to whether the search found the secret."""
    known = 1 - noise - NEAR
    good = (
        rates["clean"] >= TAKES
        and rates["standard"] <= FALLS
        and rates["robust"] <= CHANCE
        and min(rates["easy"], rates["search"]) >= known
        and right
    )
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def world(size: int, config: Config) -> CodedParity:
    """Return pictures with a secret of `size` pixels, whose places are drawn from the seed."""
    drawn = torch.randperm(config.bits, generator=stream(config.seed, "secret"))[:size]
    secret = tuple(sorted(drawn.tolist()))
    return CodedParity(config.bits, secret, config.amplitude, config.noise)


def _search(world: CodedParity, config: Config) -> Search:
    examples = examples_enough(config.bits, len(world.secret), config.noise)
    x, y = world.sample(examples, stream(config.seed, "search"))
    return search(x[:, :-1], y, len(world.secret))


def _security(plain: Net, easy: Learned, hard: Learned, found: Search, config: Config) -> Curves:
    nets = (
        ("standard training", plain, hard.world),
        (f"robust training, secret of {len(hard.world.secret)}", hard.robust, hard.world),
        ("robust training, secret of 1", easy.robust, easy.world),
    )
    return security_picture(
        hard.world,
        config.eps,
        [held(found.subset, hard.world, config, eps) for eps in BETWEEN],
        {name: [attacked(net, world, config, eps) for eps in RADII] for name, net, world in nets},
    )


def _check(config: Config) -> None:
    sizes = config.sizes
    growing = all(a < b for a, b in pairwise(sizes))
    if len(sizes) < 2 or sizes[0] != 1 or not growing or sizes[-1] > config.bits:
        raise InputError(
            f"sizes {sizes}", "1 and more, growing, none above bits", "change --sizes or --bits"
        )
    if rules_to_try(config.bits, sizes[-1]) > MOST_RULES:
        raise InputError(
            f"{rules_to_try(config.bits, sizes[-1]):,} rules to try",
            f"at most {MOST_RULES:,}, for the search to end",
            "change --sizes or --bits",
        )
    amplitude, eps = config.amplitude, config.eps
    for name, good, expected in (
        ("eps", amplitude < eps < BLACK_TO_WHITE, f"above the amplitude, {amplitude}, below 0.5"),
        ("amplitude", amplitude > 0, "more than 0"),
        ("noise", 0 <= config.noise < 0.5, "0 or more, below 0.5"),
        ("lr", config.lr > 0, "more than 0"),
        *((n, getattr(config, n) >= 1, "1 or more") for n in COUNTS),
    ):
        if not good:
            flag = name.replace("_", "-")
            raise InputError(f"{name} is {getattr(config, name)}", expected, f"change --{flag}")


SOURCE = "Ilyas et al. 2019, appendix A"
STUDY = Study(
    id="computational-barrier",
    title="There, and out of reach",
    claim="A rule that is accurate and robust can exist, and few examples fix it, while training "
    "takes a faint code that an adversary rewrites, or, when the adversary is there, finds "
    "nothing.",
    rule="Reproduced if for the largest secret standard training is right at least 99 % of the "
    "time and at most 1 % under attack, robust training at most 55 % under attack, the search over "
    "all parities finds the secret and holds within 5 points of its parity's accuracy, and so does "
    "robust training when the secret is one pixel. Pixels, noise and steps were chosen after trial "
    "runs.",
    published="No numbers: constructions with hardness from statistical queries (Bubeck, Price, "
    "Razenshteyn 2018) and from cryptography (Degwekar, Nakkiran, Vaikuntanathan 2018); both write "
    "the label in a change of low magnitude (Ilyas et al. 2019, appendix A). This is a toy of "
    "them.",
    presets={
        "tiny": Config(bits=20, sizes=(1, 5), steps=120, noise=0.02, batch=128),
        "quick": Config(),
        "full": Config(steps=4000, tests=10_000, sizes=(1, 2, 3, 4, 5, 6)),
    },
    function=study,
)
register(STUDY)
