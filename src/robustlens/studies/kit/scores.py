"""Features in the plane of usefulness rho and robust usefulness gamma, coloured by kind."""

from robustlens.pictures import Dots, Line, Sheet
from robustlens.theory.usefulness import Kind, Score, kind

TONES = {Kind.ROBUST: "good", Kind.NON_ROBUST: "bad", Kind.OPEN: "plain", Kind.USELESS: "plain"}
"""How each kind looks."""


def sheet(name: str, scores: list[Score]) -> Sheet:
    """Return dots in the plane of rho and gamma, one for each feature, by kind."""
    shapes: list[Dots | Line] = [Line("gamma = 0", (0.0, 1.0), (0.0, 0.0))]
    for wanted, tone in TONES.items():
        dots = [score for score in scores if kind(score) == wanted]
        if dots:
            rho, gamma = [s.rho.value for s in dots], [s.gamma.value for s in dots]
            shapes.append(Dots(str(wanted), rho, gamma, tone))
    return Sheet(name, tuple(shapes))
