"""The sets of the critics' controls: how each is made, and where it lies.

made = sets(config, bench)      # those of the simple experiment among them, made once for both
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from robustlens.constructed import mistakes
from robustlens.constructed.kinds import Hold
from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.nets import Checkpoint
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench
from robustlens.studies.kit.made import LEARNER, Making, meaningless, place, pushed
from robustlens.studies.kit.presets import QUICK, QUICK_ROBUST

OTHER = replace(QUICK, training=replace(QUICK.training, epochs=6))
BRIEF = replace(QUICK, training=replace(QUICK.training, epochs=2))


@dataclass(frozen=True, kw_only=True)
class Config:
    """The nets that push images, the nets that must not move, and who learns from the sets."""

    standard: Recipe = QUICK  # the simple experiment is made with it
    robust: Recipe = QUICK_ROBUST  # makes its own sets, and reads the others
    learner: Recipe = LEARNER  # trained on each set and nothing else
    other: Recipe = OTHER  # guards and witnesses, each with a seed of its own
    brief: Recipe = BRIEF  # its mistakes are a set
    making: Making = field(default_factory=Making)
    guards: int = 2  # nets that the changes of one set must not move
    witnesses: int = 2  # nets that nobody asked while that set was made
    penalty: float = 1.0  # weight of the guards beside the net that is to be moved
    hold: Hold = "class"  # what of the guards must not move: their true class or all logits
    radii: tuple[float, ...] = ()  # further radii at which images are pushed, random targets
    shown: int = 4  # images in the picture
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("guards", "witnesses", "shown"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} {getattr(self, name)}", "at least 1", f"use --{name}")
        if not all(eps > 0 for eps in self.radii):
            raise InputError(f"radii {self.radii}", "numbers above 0", "change --radii")

    def others(self) -> tuple[Recipe, ...]:
        """Return the recipes of the guards, then those of the witnesses."""
        count = self.guards + self.witnesses
        return tuple(replace(self.other, seed=self.seed + 1 + i) for i in range(count))


@dataclass(frozen=True)
class Sets:
    """The images, the nets that push them, and the folders of all sets."""

    source: Dataset
    test: Dataset
    standard: Checkpoint
    robust: Checkpoint
    brief: Checkpoint
    rand: Path
    det: Path
    robust_rand: Path
    robust_det: Path
    guarded: Path
    labels: Path
    changes: Path
    mistakes: Path
    wider: tuple[tuple[float, Path], ...]  # (radius, folder)


def sets(config: Config, bench: Bench) -> Sets:
    """Make all sets, or find them where this or the simple experiment left them."""
    source, seed, making = config.standard.dataset(), config.seed, config.making
    recipes = (config.standard, config.robust, config.brief)
    standard, robust, brief = (fit(recipe, bench.folder, bench.device) for recipe in recipes)

    def push(targets: str, making: Making = making, guards: tuple[Recipe, ...] = ()) -> Path:
        recipe, penalty, hold = config.standard, config.penalty, config.hold if guards else "class"
        return pushed(source, standard, recipe, making, targets, seed, bench, guards, penalty, hold)

    def robust_push(targets: str) -> Path:
        return pushed(source, robust, config.robust, making, targets, seed, bench)

    labels, changes = meaningless(source, standard, config.standard, making, seed, bench)
    wrong = place(bench, "mistakes", {"n": len(source)}, config.brief)
    mistakes(source, brief, wrong)
    return Sets(
        source=source,
        test=config.standard.dataset("test"),
        standard=standard,
        robust=robust,
        brief=brief,
        rand=push("random"),
        det=push("next"),
        robust_rand=robust_push("random"),
        robust_det=robust_push("next"),
        guarded=push("random", guards=config.others()[: config.guards]),
        labels=labels,
        changes=changes,
        mistakes=wrong,
        wider=tuple(
            (eps, push("random", replace(making, eps=f"{eps:g}"))) for eps in sorted(config.radii)
        ),
    )
