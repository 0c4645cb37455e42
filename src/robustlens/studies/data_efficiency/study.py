"""Robust accuracy needs more images than standard accuracy does."""

from dataclasses import dataclass, field

from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.data_efficiency import pictures
from robustlens.studies.data_efficiency.measures import BothAttacked, Measured, measured, undefended
from robustlens.studies.data_efficiency.needed import SHARE
from robustlens.studies.kit.samples import FULL_GRID, STANDARD, TINY_GRID, Grid, Nets
from robustlens.studies.kit.words import above, mean


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which nets, and how they are attacked."""

    grid: Grid = field(default_factory=Grid)
    attacked: BothAttacked = field(default_factory=BothAttacked)
    generated: int = 1000  # the size to which made-up images are added, one of the grid's
    seed: int = 0

    def __post_init__(self) -> None:
        if self.generated not in self.grid.sizes:
            raise InputError(
                f"generated is {self.generated}", f"one of {self.grid.sizes}", "change --generated"
            )


def study(config: Config, bench: Bench) -> Findings:
    """Train at every size and radius; attack all at the radius that they were trained for."""
    grid, attacked = config.grid, config.attacked
    source, test = grid.learner.dataset(), grid.learner.dataset("test")
    test = attacked.many(test)
    nets = Nets(grid, source, bench, config.seed)
    found = measured(nets, test, attacked, config.generated)
    bare = {n: undefended(nets, n, test, attacked) for n in grid.sizes}
    need, more = found.need, found.extra[grid.radii[-1]]
    return Findings(
        judge(found, grid),
        f"For {SHARE:.0%} of its final accuracy above chance the net trained at "
        f"{grid.learner.norm} {grid.radii[-1]} needs {need.robust.value:.0f} images under attack, "
        f"the standard net {need.standard.value:.0f} without: {need.ratio.value:.1f} times as "
        f"many. Images made up from {config.generated} real ones take robust accuracy from "
        f"{float(more.alone.mean()):.1%} to {float(more.made.mean()):.1%}; {grid.sizes[-1]} real "
        f"ones give {float(more.most.mean()):.1%}.",
        numbers(found, config),
        (
            pictures.accuracies(
                grid, found.seen, bare, (config.generated, more.made), attacked.steps
            ),
            pictures.gaps(grid, found.seen),
            pictures.clean(grid, found.seen),
        ),
        config.seed,
        {source.name: source.digest, f"{test.name}, test": test.digest},
    )


def judge(found: Measured, grid: Grid) -> Verdict:
    """Apply the rule."""
    largest = grid.radii[-1]
    wider, narrower = (found.seen[eps][grid.sizes[0]].gap for eps in (largest, STANDARD))
    more = found.extra[largest]
    good = (
        found.need.ratio.low > 1 and above(wider, narrower) and mean(more.most - more.made).low > 0
    )
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def numbers(found: Measured, config: Config) -> dict[str, Number]:
    """Return all numbers, the most telling first."""
    grid = config.grid
    largest, most = grid.radii[-1], grid.sizes[-1]
    where = f"{grid.learner.norm} {largest}"
    best = _published(found.strongest, REAL)
    return {
        "times as many images needed with robust training": found.need.ratio,
        f"images needed, {grid.named(largest)}, attacked": found.need.robust,
        f"images needed, {grid.named(STANDARD)}, not attacked": found.need.standard,
        f"AutoAttack accuracy at {where}, {most} images": best,
        **_extras(found, config),
        **{
            f"{_under(config, eps)}, {n} images": pictures.over_draws(one.own)
            for eps, sizes in found.seen.items()
            for n, one in sizes.items()
        },
        **{
            f"training minus test {_under(config, eps)}, {n} images": one.gap
            for eps, sizes in found.seen.items()
            for n, one in sizes.items()
        },
    }


def _under(config: Config, eps: str) -> str:
    if eps == STANDARD:
        return "clean accuracy, standard training"
    where = f"{config.grid.learner.norm} {eps}"
    return f"PGD-{config.attacked.steps} accuracy at {where}, trained there"


def _extras(found: Measured, config: Config) -> dict[str, Number]:
    n = config.generated
    listed = dict[str, Number]()
    for eps, one in found.extra.items():
        made, real = mean(one.made - one.alone), mean(one.most - one.made)
        name = _under(config, eps)
        rate = Rate.of(one.made.bool())
        listed |= {
            f"{name}, {n} images and made-up ones": _published(rate, MADE)
            if eps != STANDARD
            else Number.of(rate),
            f"{name}: gain from made-up images": made,
            f"{name}: what {config.grid.sizes[-1]} real images give above that": real,
        }
    return listed


def _published(rate: Rate, published: str) -> Number:
    return Number.of(rate, published, BOARD)


REAL = "52.48 %, CIFAR-10 alone"
MADE = "57.09 % with 1M and 58.50 % with 100M images of a diffusion model"
BOARD = "RobustBench, CIFAR-10, ResNet-18, linf 8/255, AutoAttack"
STUDY = Study(
    id="data-efficiency",
    title="Robustness needs more images",
    claim="To be right under attack a net needs more training images than to be right on images "
    "as they are; images made up from the few real ones do not take the place of more real ones.",
    rule="Reproduced if the net trained at the largest radius needs more images for 90 % of its "
    "final accuracy above chance, under that attack, than the standard net for 90 % of its own "
    "on images as they are (interval of the ratio above 1); if with the fewest images it loses "
    "more accuracy from training to test images than the standard net, with intervals that do not "
    "meet; and if images made up from part of the real ones leave it behind all the real ones "
    "(interval of the difference above 0). Of the sizes, the fewest were chosen for the gap after "
    "trial runs on training images: there both nets fit all that they see.",
    published="Robust accuracy goes on rising with the number of samples after standard accuracy "
    "has stopped (Schmidt et al. 2018, Figure 2, on MNIST, CIFAR-10 and SVHN). CIFAR-10, "
    "ResNet-18, linf 8/255, AutoAttack: 52.48 % from CIFAR-10 alone, 57.09 % with 1M and 58.50 % "
    "with 100M images of diffusion models (RobustBench); Gowal et al. 2021 report that even images "
    "from one Gaussian for each class can help.",
    presets={
        "tiny": Config(
            grid=TINY_GRID,
            attacked=BothAttacked(images=60, trained=50, steps=3, version="adaptive", few=2),
            generated=50,
        ),
        "quick": Config(),
        "full": Config(
            grid=FULL_GRID, attacked=BothAttacked(images=0, trained=5000, few=1000), generated=5000
        ),
    },
    function=study,
)
register(STUDY)
