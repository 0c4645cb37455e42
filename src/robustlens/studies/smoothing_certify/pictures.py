"""Pictures of `smoothing-certify`: certified accuracy, what attacks leave, shares of votes."""

from collections.abc import Mapping, Sequence

from robustlens.pictures import Curves, Series
from robustlens.smoothing.reading import ABOUT_THE_AVERAGE
from robustlens.studies.smoothing_certify.measures import Seen

TONES = ("plain", "good", "bad", "plain")


def curves(seen: Mapping[float, Seen], radii: Sequence[float]) -> Curves:
    """Return certified accuracy over the radius, for each level of noise."""
    lines = []
    for tone, (sigma, one) in zip(TONES, seen.items(), strict=False):
        curve = one.curve
        values = [rate.value for rate in curve.rates]
        lines.append(Series(f"sigma {sigma:g}", radii, values, curve.low, curve.high, tone))
    return Curves(
        "certified-accuracy",
        "Certified accuracy over the radius for each level of noise, with a band that holds at all "
        "radii at once. More noise certifies farther and is right less often.",
        "l2 radius",
        "certified accuracy",
        tuple(lines),
    )


def attacked(seen: Mapping[float, Seen], radii: Sequence[float]) -> Curves:
    """Return what attacks on the smoothed net leave at each radius."""
    few = next(iter(seen.values())).upper[0].n
    return Curves(
        "left-by-attacks",
        f"What attacks on the smoothed net leave at each radius, on {few} images: an upper bound "
        "of its robust accuracy, as certified accuracy is a lower one. The intervals are in the "
        "table.",
        "l2 radius",
        "accuracy left",
        tuple(
            Series(f"sigma {sigma:g}", radii, [rate.value for rate in one.upper], tone=tone)
            for tone, (sigma, one) in zip(TONES, seen.items(), strict=False)
        ),
    )


def shares(seen: Mapping[float, Seen]) -> Curves:
    """Return how many images have at most each share of their votes for the label."""
    lines = []
    for tone, (sigma, one) in zip(TONES, seen.items(), strict=False):
        low = [max(0.0, up - one.shares.width) for up in one.shares.cumulative]
        high = [min(1.0, up + one.shares.width) for up in one.shares.cumulative]
        lines.append(
            Series(
                f"sigma {sigma:g}", one.shares.shares, one.shares.cumulative, low, high, tone,
                dots=False,
            )
        )  # fmt: skip
    return Curves(
        "vote-shares",
        "How sure the votes are: which share of the images has at most so many of its votes for "
        f"the label. {ABOUT_THE_AVERAGE}",
        "share of votes for the label",
        "share of images",
        tuple(lines),
        ((0.5, "majority"),),
    )
