"""Pictures of the study `robust-training-prior`."""

from collections.abc import Mapping, Sequence

from robustlens.pictures import Bar, Bars, Curves, Plane, Series
from robustlens.result import Number
from robustlens.studies.kit.scores import sheet
from robustlens.studies.kit.words import band
from robustlens.studies.robust_training_prior.measures import Seen
from robustlens.theory.usefulness import Kind

TONES = {"standard net": "bad", "robust net": "good", "noise-trained net": "plain"}


def plane(seen: Mapping[str, Seen], within: str) -> Plane:
    """Return the units of each net in the plane of rho and gamma."""
    return Plane(
        "rho-gamma",
        f"Units of three nets on test images: usefulness across, what each unit's own adversary "
        f"({within}) leaves of it up. All nets have useful units. Those of the standard net are "
        "turned against the label; those of the robust net come near the line or above it.",
        "usefulness rho",
        "robust usefulness gamma",
        tuple(sheet(name, one.scores) for name, one in seen.items()),
        equal=False,
    )


def bars(seen: Mapping[str, Seen]) -> Bars:
    """Return shares of units, and of the margin, that are useful and not robust, or robust.

    A share of the margin may lie below 0 or above 1, where units work against each other; it is
    drawn from 0 to 1.
    """
    rows = []
    for wanted, tone in ((Kind.NON_ROBUST, "bad"), (Kind.ROBUST, "good")):
        for name, one in seen.items():
            n = one.share(wanted)
            rows.append(Bar(f"{name}: units {wanted}", n.value, n.low, n.high, tone))
    for name, one in seen.items():
        n = one.margin(Kind.NON_ROBUST)
        value, low, high = (min(max(end, 0.0), 1.0) for end in (n.value, n.low, n.high))
        rows.append(Bar(f"{name}: margin from {Kind.NON_ROBUST}", value, low, high, "bad"))
    return Bars(
        "shares",
        "Which share of a net's units is useful but not robust, which robustly useful, and how "
        "much of its margin stands on the former. Units whose interval does not decide are "
        "in neither.",
        "share",
        tuple(rows),
    )


def gamma_curves(seen: Mapping[str, Seen], norm: str) -> Curves:
    """Return mean gamma against the radius."""
    return Curves(
        "gamma-eps",
        "Mean robust usefulness of units as the adversary gets stronger. Units of the standard "
        "net are as useful as the others at radius 0 and are turned against the label first.",
        f"eps ({norm})",
        "mean gamma of units",
        _series({name: one.curve for name, one in seen.items()}),
    )


def noise_curves(seen: Mapping[str, Seen]) -> Curves:
    """Return mean rho against the noise."""
    return Curves(
        "noise",
        "Mean usefulness of all units on noisy images, scaled anew on noisy training images: "
        "noise swamps what a standard net reads sooner than what was learned under noise.",
        "sigma of the noise",
        "mean rho of units",
        _series({name: one.swamped for name, one in seen.items()}),
    )


def _series(points: Mapping[str, Sequence[tuple[float, Number]]]) -> tuple[Series, ...]:
    return tuple(
        band(name, [x for x, _ in curve], [n for _, n in curve], TONES[name])
        for name, curve in points.items()
    )
