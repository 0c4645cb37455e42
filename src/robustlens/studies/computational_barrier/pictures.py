"""The pictures of `computational-barrier`: what holds under attack, what is found, what it costs.

cost_picture(size=6, noise=0.05)      # examples and rules to try, over the number of pixels
"""

from collections.abc import Mapping, Sequence

from robustlens.evaluation import Rate
from robustlens.pictures import Curves, Series
from robustlens.studies.kit.words import band, dots
from robustlens.theory.low_magnitude import BLACK_TO_WHITE, CodedParity
from robustlens.theory.parity_search import examples_enough, rules_to_try

RADII = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.3, 0.4)
"""Where nets are attacked in the first picture."""
BETWEEN = (0.02, 0.06, 0.14, 0.18, 0.25, 0.35, 0.45)
"""Where the rule that was found is attacked, between the others so that one sees both."""
WIDEST = (20, 40, 100, 200, 400, 1000)
"""Numbers of pixels in the last picture."""
TONES = ("bad", "plain", "good")


def security_picture(
    world: CodedParity, eps: float, found: Sequence[Rate], nets: Mapping[str, Sequence[Rate]]
) -> Curves:
    """Return accuracy over eps: closed forms of both rules, the rule found, three nets.

    `found` has a rate for each of `BETWEEN`, and each of `nets` (standard, robust, robust with a
    small secret) for each of `RADII`.
    """
    size, top, faint = len(world.secret), world.parity_accuracy(world.secret), world.amplitude
    ends = [0, BLACK_TO_WHITE]
    return Curves(
        "security",
        "Accuracy against the adversary's reach. The label is written plainly in a faint pixel and "
        f"robustly in {size} secret ones. Standard training takes the faint pixel and falls with "
        "it. The parity of the secret stands until 1/2, where black can look white. Robust "
        "training finds the secret if it is one pixel; else it ends as a coin.",
        "eps (linf, pixel units)",
        "accuracy",
        (
            Series(f"parity of {size} secret pixels", ends, [top] * 2, tone="good", dots=False),
            Series(
                "the faint pixel alone",
                [0, faint, faint, BLACK_TO_WHITE],
                [1, 1, 0, 0],
                tone="bad",
                dots=False,
            ),
            dots("parity found by search", BETWEEN, found, "good"),
            *(
                dots(name, RADII, rates, tone)
                for (name, rates), tone in zip(nets.items(), TONES, strict=True)
            ),
        ),
        ((eps, "eps of training"),),
    )


def search_picture(found: Sequence[tuple[CodedParity, Rate, Rate]]) -> Curves:
    """Return accuracy over the number of rules, by world: robust training, and without code."""
    worlds = [world for world, *_ in found]
    tries = [rules_to_try(world.bits, len(world.secret)) for world in worlds]
    known = [world.parity_accuracy(world.secret) for world in worlds]
    return Curves(
        "search",
        "What the same training reaches as the secret grows. Without faint pixel and adversary "
        "a net still has to find the parity, and fails where the rules to try are many: the "
        "barrier is the search, not the adversary. Robust training gives up earlier.",
        "rules to try",
        "accuracy",
        (
            Series("secret parity", tries, known, tone="good", dots=False),
            band("no faint pixel, no adversary", tries, [rate for *_, rate in found], "plain"),
            band("robust training, attacked", tries, [rate for _, rate, _ in found], "bad"),
        ),
        tuple((t, _pixels(len(w.secret))) for t, w in zip(tries, worlds, strict=True)),
        log="x",
    )


def cost_picture(size: int, noise: float) -> Curves:
    """Return examples and rules over the number of pixels, for secrets of `size` and of 1."""
    bits = [n for n in WIDEST if n >= size]
    rules = [rules_to_try(n, size) for n in bits]
    needed = [examples_enough(n, size, noise) for n in bits]
    return Curves(
        "cost",
        "What finding the secret takes as pictures grow: examples like the logarithm of the "
        f"pixels, trials like their power {size}. For a secret of one pixel trials are few too.",
        "pixels",
        "how many",
        (
            Series(f"rules to try, secret of {size}", bits, rules, tone="bad", dots=False),
            Series("rules to try, secret of 1", bits, bits, tone="good", dots=False),
            Series(f"examples enough, secret of {size}", bits, needed, dots=False),
        ),
        log="xy",
    )


def _pixels(size: int) -> str:
    return "1 pixel" if size == 1 else str(size)
