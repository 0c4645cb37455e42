"""What an audit comes to, in three sentences, by rules that no result can change.

judged("net", "photos", clean, cells, masking).grade     # Grade.WITHHELD where gradients are masked
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from robustlens.audit.cell import Cell
from robustlens.rate import Rate

RULE = (
    "Withheld where a check warns of masked gradients or of wrong use, or where too few images are "
    "right to look for it. Else fragile where the whole interval of robust accuracy lies below "
    "half of clean accuracy, robust at this radius where it lies above, and open between. "
    "Undecided images count on both sides."
)
NEEDED = 10
"""Images that must be right for a contest of attacks to mean something."""


class Grade(StrEnum):
    """The verdict in a word."""

    ROBUST = "robust at this radius"
    FRAGILE = "fragile"
    OPEN = "open"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Verdict:
    """A grade, three sentences, and why it is withheld, if it is."""

    grade: Grade
    sentences: tuple[str, str, str]
    why: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it for a JSON file, with the rule."""
        return {"grade": self.grade.value, "sentences": list(self.sentences),
                "why withheld": list(self.why), "rule": RULE}  # fmt: skip


def judged(
    name: str,
    data: str,
    clean: Rate,
    cells: Sequence[Cell],
    masking: Mapping[str, Any] | None,
    *,
    labelled: bool = True,
) -> Verdict:
    """Return the verdict about the first cell."""
    cell, why = cells[0], signs(masking)
    first = (
        f"{name} gets {_share(clean)} of {clean.n} images of {data} right as they are."
        if labelled
        else f"{data} has no labels, so what {name} says of {clean.n} images as they are counts as "
        "right."
    )
    left = f"; {cell.undecided} images are not decided" if cell.undecided else ""
    kept = f"{cell.low.value:.0%}"
    kept = kept if not cell.undecided else f"between {kept} and {cell.high.value:.0%}"
    second = (
        f"When someone may change every image within {cell.ball} ({cell.pixels}), {kept} of "
        f"{cell.n} stay right (95 % interval {cell.low.low:.0%} to {cell.high.high:.0%}{left})."
    )
    grade = Grade.WITHHELD if why else _grade(clean, cell)
    third = {
        Grade.WITHHELD: "The verdict is withheld: " + "; ".join(why) + ".",
        Grade.FRAGILE: "The model is fragile: changes of this size turn most of its right answers.",
        Grade.ROBUST: "The model is robust at this radius: most of its right answers stay right, "
        "as far as these attacks can tell.",
        Grade.OPEN: "Whether most of what it gets right stays right is open: more images or more "
        "minutes would tell.",
    }[grade]
    return Verdict(grade, (first, second, third), why)


def signs(masking: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return why a verdict must be withheld; nothing where nothing speaks against one."""
    if masking is None or "checks" not in masking:
        why = "" if masking is None else f" ({masking.get('skipped', '')})"
        return (f"signs of masked gradients could not be looked for in the time there was{why}",)
    checks = masking["checks"]
    warned = tuple(f"the check “{c['name']}” warns" for c in checks if c["outcome"] == "warned")
    contests = [c for c in checks if c["name"] == "more steps are no weaker"]
    if not warned and not any(c["outcome"] != "skipped" for c in contests):
        return (f"fewer than {NEEDED} images are right, too few to look for masked gradients",)
    return warned


def _grade(clean: Rate, cell: Cell) -> Grade:
    half = clean.value / 2
    if cell.high.high < half:
        return Grade.FRAGILE
    return Grade.ROBUST if cell.low.low > half else Grade.OPEN


def _share(rate: Rate) -> str:
    return f"{rate.value:.0%} (95 % interval {rate.low:.0%} to {rate.high:.0%})"
