"""A width that is enough for standard training is too little against the worst case."""

from dataclasses import dataclass, field, replace

from robustlens.evaluation import Rate
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.harder_training_capacity.measures import Measuring
from robustlens.studies.harder_training_capacity.nets import (
    FGSM,
    LEARNER,
    PGD,
    STANDARD,
    Cell,
    Cells,
    Sweep,
)
from robustlens.studies.harder_training_capacity.pictures import NAMES, pictures
from robustlens.studies.kit.attacked import Attacked
from robustlens.studies.kit.presets import FULL, TINY
from robustlens.studies.kit.words import above

SINKS = 0.1
"""The rule: what PGD training takes from the narrowest net's accuracy on clean images."""
FLATTERS = 0.2
"""The rule: by how much FGSM must flatter the widest net that was trained on FGSM."""
GAINS = 0.05
"""The rule: PGD accuracy that the widest net has more than the narrowest."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which nets are trained, and how they are attacked."""

    sweep: Sweep = field(default_factory=Sweep)
    attacked: Attacked = field(default_factory=lambda: Attacked(few=60))
    seed: int = 0


def study(config: Config, bench: Bench) -> Findings:
    """Train the net in all widths and ways, measure each, and the two ends under AutoAttack."""
    sweep, attacked = config.sweep, config.attacked
    train, test = sweep.learner.dataset(), sweep.learner.dataset("test")
    test = attacked.many(test)
    measuring = Measuring(attacked, train, test, config.seed, bench)
    cells = measuring.all(sweep)
    strongest = {
        width: measuring.autoattack(sweep.recipes(PGD, width)[0])
        for width in (sweep.widths[0], sweep.widths[-1])
    }
    narrow, wide = ends(cells, PGD, sweep)
    fooled = ends(cells, FGSM, sweep)[1]
    return Findings(
        judge(cells, sweep),
        f"Under PGD training the net of width {sweep.widths[0]} reaches {narrow.clean.value:.1%} "
        f"on clean images and {narrow.pgd.value:.1%} under PGD-{attacked.steps}, that of width "
        f"{sweep.widths[-1]} {wide.clean.value:.1%} and {wide.pgd.value:.1%}. Trained on FGSM, the "
        f"widest is right on {fooled.fgsm.value:.1%} after FGSM and {fooled.pgd.value:.1%} under "
        "PGD.",
        numbers(cells, strongest, config),
        pictures(cells, sweep, attacked.steps),
        config.seed,
        {train.name: train.digest, f"{test.name}, test": test.digest},
    )


def ends(cells: Cells, way: str, sweep: Sweep) -> tuple[Cell, Cell]:
    """Return what is known of the narrowest and of the widest net."""
    return cells[way, sweep.widths[0]], cells[way, sweep.widths[-1]]


def judge(cells: Cells, sweep: Sweep) -> Verdict:
    """Apply the rule: too narrow a net sinks, FGSM training only flatters, width helps."""
    plain, robust, one_step = (ends(cells, way, sweep) for way in (STANDARD, PGD, FGSM))
    sinks = _more(plain[0].clean, robust[0].clean, SINKS)
    flatters = _more(one_step[1].fgsm, one_step[1].pgd, FLATTERS)
    helps = (
        _more(robust[1].pgd, robust[0].pgd, GAINS) and robust[1].loss.value < robust[0].loss.value
    )
    needs = _gain(robust) > _gain(plain)
    good = sinks and flatters and helps and needs
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def numbers(cells: Cells, strongest: dict[int, Rate], config: Config) -> dict[str, Number]:
    """Return the two ends of the sweep, the most telling first."""
    sweep, attacked = config.sweep, config.attacked
    where = f"{sweep.learner.norm} {sweep.learner.eps}"
    found: dict[str, Number] = {}
    for way in (PGD, FGSM, STANDARD):
        for width, size in ((sweep.widths[-1], "wide"), (sweep.widths[0], "simple")):
            cell, published = cells[way, width], PUBLISHED[way, size]
            who = f"{NAMES[way]}, width {width}"
            found |= {
                f"{who}: {name}": replace(number, published=f"{said} ({size})", source=SOURCE)
                for name, number, said in zip(
                    (
                        f"PGD-{attacked.steps} accuracy at {where}",
                        "clean accuracy",
                        f"accuracy after FGSM at {where}",
                        "own training loss",
                    ),
                    (cell.pgd, cell.clean, cell.fgsm, cell.loss),
                    published,
                    strict=True,
                )
            }
    for width, rate in strongest.items():
        name = f"{NAMES[PGD]}, width {width}, one training: AutoAttack accuracy at {where}"
        found[name] = Number.of(rate)
    for way in (PGD, STANDARD):
        name = f"{NAMES[way]}, width {sweep.widths[0]}: largest share of one answer"
        found[name] = cells[way, sweep.widths[0]].one_answer
    return found


def _more(a: Number, b: Number, margin: float) -> bool:
    """Say whether a exceeds b by a margin, with intervals that do not meet."""
    return above(a, b) and a.value - b.value >= margin


def _gain(pair: tuple[Cell, Cell]) -> float:
    narrow, wide = pair
    return wide.clean.value - narrow.clean.value


SOURCE = "Madry et al. 2018, Figure 4, CIFAR-10, l-inf 8/255"
PUBLISHED = {
    (STANDARD, "simple"): ("0.8 %", "92.7 %", "27.5 %", "0.00357"),
    (STANDARD, "wide"): ("3.5 %", "95.2 %", "32.7 %", "0.00371"),
    (FGSM, "simple"): ("0.0 %", "87.4 %", "90.9 %", "0.0115"),
    (FGSM, "wide"): ("0.0 %", "90.3 %", "95.1 %", "0.00557"),
    (PGD, "simple"): ("43.7 %", "79.4 %", "51.7 %", "1.11"),
    (PGD, "wide"): ("45.8 %", "87.3 %", "56.1 %", "0.0218"),
}
"""PGD-20, clean and FGSM accuracy, and the training loss on its own adversary."""
STUDY = Study(
    id="harder-training-capacity",
    title="Training against the worst case wants a larger net",
    claim="A width that is enough for standard training is too little for training against the "
    "worst case, and training on one step instead teaches a net to read that step.",
    rule="Reproduced if PGD training takes at least 10 points of clean accuracy from the "
    "narrowest net; the widest net trained on FGSM is right after FGSM on at least 20 points more "
    "test images than under PGD; of the nets with PGD training the widest has at least 5 points "
    "of PGD accuracy more than the narrowest; all three with intervals over test images that do "
    "not meet; its own training loss is lower; and clean accuracy gains more from width under PGD "
    "training than under standard training (the control).",
    published="CIFAR-10, l-inf 8/255: from the simple to the wide net under PGD training natural "
    "accuracy 79.4 to 87.3 %, PGD-20 accuracy 43.7 to 45.8 %, own training loss 1.11 to 0.0218; "
    "FGSM training reaches 95.1 % on FGSM images, 90.3 % on clean ones and 0.0 % under PGD; "
    "standard training 92.7 to 95.2 %. On MNIST the smallest nets collapse under PGD training to "
    "one class (Madry et al. 2018, section 4 and Figure 4). Other data and nets in quick: "
    "compared in direction.",
    presets={
        "tiny": Config(
            sweep=Sweep(
                learner=replace(
                    LEARNER,
                    images=200,
                    steps=2,
                    training=replace(TINY.training, epochs=1, validation=0),
                ),
                widths=(1, 2),
                repeats=1,
            ),
            attacked=Attacked(images=40, steps=2, version="adaptive", few=2),
        ),
        "quick": Config(),
        "full": Config(
            sweep=Sweep(
                learner=replace(
                    FULL,
                    norm="linf",
                    eps="8/255",
                    steps=7,
                    training=replace(FULL.training, validation=0),
                ),
                widths=(4, 16, 64, 160),
                repeats=1,
            ),
            attacked=Attacked(images=0, few=1000),
        ),
    },
    function=study,
)
register(STUDY)
