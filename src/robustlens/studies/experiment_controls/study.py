"""The critics' controls of the simple experiment: what else could explain it, and what remains."""

from dataclasses import replace
from typing import NamedTuple

from robustlens.pictures import Picture
from robustlens.radii import parse_eps
from robustlens.recipes import Recipe
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.experiment_controls.measures import Measured, measure
from robustlens.studies.experiment_controls.pictures import (
    over_radii,
    pairs,
    which_label,
    who_learns,
)
from robustlens.studies.experiment_controls.sets import Config, sets
from robustlens.studies.kit.made import Making, chance
from robustlens.studies.kit.presets import FULL, FULL_ROBUST, TINY, TINY_ROBUST
from robustlens.studies.kit.words import above

FOOLED = 0.5
"""The rule: guarded changes must fool the net they are made for on so many images."""
LESS = 0.5
"""The rule: guarded images may teach at most this part of what unguarded ones teach."""


class Control(NamedTuple):
    """One control: the explanation it is about, and whether it came out as published.

    `excludes` is what cannot be all of the truth if it did.
    """

    name: str
    excludes: str
    as_published: bool


def controls(m: Measured, level: float) -> tuple[Control, ...]:
    """Apply the rule to each control; `level` is the accuracy of chance.

    "Above" is by intervals that do not meet. Of each, what the features view predicts (changes
    are features that generalise) is compared with what its critics' view predicts.
    """
    silent = all(n.low <= level <= n.high for n in (m.labels, m.changes))
    # Robust features carry it all: sets made by a robust net then teach no less.
    robust_made = above(m.rand, m.robust_rand) and above(m.det, m.robust_det)
    # Labels are learned from what is left of the image: the net then says "next" either way.
    follows = above(m.next_robust_det, m.next_det)
    # Robust features leak: their share is then all that the net knows, on both sets.
    leaks = m.leak_rand.low > level and m.leak_det.low <= level
    more = above(m.rand, m.leak_rand) and m.det.low > level and above(m.det, m.leak_det)
    # Whatever fools a net is a feature: guarded changes, which fool it too, then teach as well.
    valid = m.fooled.low >= FOOLED and above(m.moved, m.unmoved)
    idle = m.guarded.high - level <= LESS * (m.rand.low - level)
    # Only pushed images can teach a wrong label's class: plain mistakes then teach nothing.
    mistaken = m.mistakes.low > level
    return (
        Control("random labels and random changes", "an artefact of relabelling", silent),
        Control("sets made by a robust net", "robust features as the carrier", robust_made),
        Control(
            "test set with the next label", "what is left of the image as the carrier", follows
        ),
        Control(
            "leakage of robust features", "leaked robust features as all of it", leaks and more
        ),
        Control("changes that do not transfer", "every perturbation is a feature", valid and idle),
        Control("mistakes without changes", "only pushed images teach", mistaken),
    )


def judge(found: tuple[Control, ...]) -> Verdict:
    """Say "reproduced" where every control came out as published."""
    good = all(control.as_published for control in found)
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def study(config: Config, bench: Bench) -> Findings:
    """Make every control's set, train on each, and see which explanations survive."""
    made = sets(config, bench)
    level = chance(made.test)
    m = measure(config, bench, made)
    found = controls(m, level)
    figures: tuple[Picture, ...] = (
        who_learns(m, level),
        which_label(m, level),
        pairs(config, made),
    )
    if m.sweep:
        figures += (over_radii(m, parse_eps(config.making.eps), config.making.norm),)
    return Findings(
        judge(found),
        _summary(m, found, level),
        _numbers(m),
        figures,
        config.seed,
        {made.source.name: made.source.digest, f"{made.test.name}, test": made.test.digest},
    )


def _summary(m: Measured, found: tuple[Control, ...], level: float) -> str:
    out = [c.excludes for c in found if c.as_published]
    left = [c.name for c in found if not c.as_published]
    return (
        f"Pushed images teach {m.rand.value:.1%} (random targets) and {m.det.value:.1%} (next "
        f"class), where chance is {level:.0%}; made by a robust net {m.robust_rand.value:.1%} and "
        f"{m.robust_det.value:.1%}; robust features alone learn {m.leak_rand.value:.1%} and "
        f"{m.leak_det.value:.1%}; changes that do not transfer teach {m.guarded.value:.1%}, plain "
        f"mistakes {m.mistakes.value:.1%}. Excluded: {'; '.join(out) or 'nothing'}. "
        f"Not as published: {'; '.join(left) or 'none'}."
    )


def _numbers(m: Measured) -> dict[str, Number]:
    after = "accuracy on real images after training on"
    sweep = {f"{after} random targets, radius {eps:g}": number for eps, number in m.sweep}
    return {
        f"{after} random targets": m.rand,
        f"{after} the next class as target": m.det,
        f"{after} random targets, made by a robust net": m.robust_rand,
        f"{after} the next class, made by a robust net": m.robust_det,
        "share of real images called the next class": m.next_det,
        "share called the next class, set made by a robust net": m.next_robust_det,
        "accuracy of a linear head on robust features, random targets": m.leak_rand,
        "accuracy of a linear head on robust features, next class": m.leak_det,
        f"{after} changes that do not transfer": m.guarded,
        "hit rate of such changes on the net they are made for": m.fooled,
        "hit rate of such changes on nets nobody asked": m.unmoved,
        "hit rate of ordinary changes on the same nets": m.moved,
        "rate at which their first wrong class is the label, such changes": m.near_unmoved,
        "rate at which their first wrong class is the label, ordinary changes": m.near_moved,
        "rate at which their first wrong class is the label, no change": m.near,
        f"{after} a net's mistakes": m.mistakes,
        "accuracy of the net that made the mistakes": m.brief,
        "mistakes": Number.exact(float(m.wrong), "18,768", "Wallace 2019"),
        "accuracy after random labels, images as they are": m.labels,
        "accuracy after random labels, images changed at random": m.changes,
        **sweep,
    }


def _epochs(recipe: Recipe, epochs: int) -> Recipe:
    return replace(recipe, training=replace(recipe.training, epochs=epochs))


STUDY = Study(
    id="experiment-controls",
    title="What else could it be?",
    claim="The critics' controls say what the simple experiment shows: non-robust features teach "
    "it, though some robust ones leak, and not every perturbation is a feature.",
    rule="Reproduced if each control comes out as published, by intervals that do not meet. "
    "(1) Random labels, on images as they are and changed at random, leave a net at chance (it "
    "lies in both intervals over classes, which hold together with 95 %). (2) Sets made by a "
    "robust net teach less than those of a standard net, with random targets and with the next "
    "class; if robust features carried it, they would teach no less. (3) Of the nets taught "
    "'next class', the one from the robust net's set says 'next' on more real images. (4) A "
    "linear head on robust features learns from random targets (above chance: leakage) but less "
    "than the net does, and from the next class it does not while the net is above chance and "
    "above the head; if leakage were all, head and net would be level. (5) Changes that fool "
    "their net on half the images but move unasked nets less than ordinary ones teach at most "
    "half of what ordinary ones teach above chance; if whatever fools a net were a feature, they "
    "would teach as well. (6) A net's mistakes on images as they are teach above chance; so wrong "
    "labels can teach without any push.",
    published="CIFAR-10: made by a robust net 25.2 % and 5.8 %, next label 16.2 % and 65.5 % "
    "(Ilyas et al. 2019, Tables 9 and 10); leakage at least 23.5 % and none (Goh 2019); changes "
    "that do not transfer do not teach (Nakkiran 2019); mistakes 49.7 % (Wallace 2019). Other "
    "data and nets in quick: compared in direction.",
    presets={
        "tiny": Config(
            standard=TINY,
            robust=TINY_ROBUST,
            learner=TINY,
            other=TINY,
            brief=TINY,
            making=Making(steps=3, step_size=0.5),
            guards=1,
            witnesses=1,
            radii=(0.75,),
            shown=2,
        ),
        "quick": Config(),
        "full": Config(
            standard=FULL,
            robust=FULL_ROBUST,
            learner=FULL,
            other=_epochs(FULL, 15),
            brief=_epochs(FULL, 2),
            making=Making(eps="0.5", steps=100, step_size=0.1),
            guards=3,
            witnesses=2,
            radii=(0.125, 0.25, 1.0),
        ),
    },
    function=study,
)
register(STUDY)
