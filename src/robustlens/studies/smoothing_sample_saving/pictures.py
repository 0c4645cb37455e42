"""Pictures of the study `smoothing-sample-saving`."""

from collections.abc import Mapping

import numpy as np

from robustlens.pictures import Curves, Series
from robustlens.studies.smoothing_sample_saving.measures import MANY, ONE, Compared, Doubles

TONES = {MANY: "plain", ONE: "good"}


def costs(lines: Mapping[str, Compared], z: Doubles, whole: int) -> Curves:
    """Return votes over the true share."""
    drawn = [
        Series(name, z.tolist(), one.votes.mean(axis=1).tolist(), tone=TONES[name])
        for name, one in lines.items()
    ]
    level = [float(whole)] * 2
    fixed = Series("a number settled beforehand", (0.0, 3.5), level, tone="bad", dots=False)
    return Curves(
        "votes-by-share",
        "Votes that an image takes, over the true share of votes for its class, Phi(x). Where the "
        "share lies just beside what a radius needs, nobody can tell soon: the one radius takes "
        "almost all votes there; the grid leaves one radius undecided and goes on.",
        "distance to the edge in sigma: the true share is Phi of it",
        "votes, mean",
        (*drawn, fixed),
        ((1.0, "the one radius"),),
        log="y",
    )


def agreement(lines: Mapping[str, Compared], z: Doubles) -> Curves:
    """Return where both plans certify alike, over the true share."""
    one = lines[MANY]
    same, near = (part.mean(axis=1).tolist() for part in (one.steps == one.fixed_steps, one.near))
    return Curves(
        "same-radius",
        "Where the same radius is certified as by 100,000 votes for every image, on the grid of "
        "quarters of sigma. Just above a step the fixed plan gets it and the sequential one stops "
        "before.",
        "distance to the edge in sigma: the true share is Phi of it",
        "share of runs",
        (
            Series("the same radius", z.tolist(), same, tone="bad"),
            Series("up to one step", z.tolist(), near, tone="good"),
        ),
    )


def spread(drawn: Mapping[str, Compared], whole: int) -> Curves:
    """Return how votes are spread over images of the net."""
    lines = []
    for name, one in drawn.items():
        votes = np.quantile(one.votes, np.linspace(0, 1, 201))
        lines.append(
            Series(name, votes.tolist(), np.linspace(0, 1, 201).tolist(), tone=TONES[name],
                   dots=False)
        )  # fmt: skip
    return Curves(
        "votes-of-images",
        "Images of a real net: which share of them is done after so many votes. A few that lie "
        "beside a step take most of all votes.",
        "votes",
        "share of images done",
        tuple(lines),
        ((whole / 100, "1/100"), (whole / 20, "1/20")),
        log="x",
    )
