"""From the finished steps to an audit: the same steps give the same audit, in whatever turns.

assembled(work, done).cells
"""

from collections.abc import Sequence
from typing import Any

from robustlens.audit.cell import Cell
from robustlens.audit.found import HELD, UNDECIDED, Audit, Curve, ImageRow
from robustlens.audit.plan import TABLE, WALK
from robustlens.audit.settings import in_pixels
from robustlens.audit.work import AS_IT_IS, Done, Found, Work, fallen, held, nearest, norm, title
from robustlens.provenance import Provenance
from robustlens.rate import Rate

POINTS = 24
"""Radii of a curve, beside 0."""
SECTIONS = ("masking", "corruptions", "gradients", "certified", "units", "transfer")


def assembled(
    work: Work,
    done: Done,
    *,
    left_out: Sequence[str],
    notes: Sequence[str],
    labelled: bool,
    provenance: Provenance,
) -> Audit:
    """Return what the finished steps come to; "clean" is among them."""
    said, labels = done["clean"]["said"], work.data.labels.tolist()
    hits = [guess == labels[int(i)] for i, guess in said.items()]
    rows = _rows(work, done)
    sections = {name: done[name] for name in SECTIONS if name in done}
    threats = [result for name, result in done.items() if name.startswith("threat ")]
    balls = work.settings.balls
    return Audit(
        name=work.subject.name,
        subject=_card(work),
        data=work.data,
        plan=work.plan,
        planned=work.plan.words(len(work.data.classes), balls),
        labelled=labelled,
        clean=Rate.share(sum(hits), len(hits)),
        cells=tuple(_cell(work, rows, cell) for cell in range(len(balls))),
        curves=tuple(_curves(work, done)),
        sections={**sections, **({"threats": threats} if threats else {})},
        rows=rows,
        pictures=_pictures(work, done),
        left_out=tuple(left_out),
        notes=tuple(notes),
        provenance=provenance,
    )


def _card(work: Work) -> dict[str, Any]:
    model = work.subject.model
    count = sum(parameter.numel() for parameter in model.parameters())
    shape = " x ".join(map(str, work.data.shape))
    return {**work.subject.as_dict(), "parameters": count, "input": shape,
            "classes": len(work.data.classes), "kind": type(model).__name__}  # fmt: skip


def _rows(work: Work, done: Done) -> tuple[ImageRow, ...]:
    said, labels = done["clean"]["said"], work.data.labels.tolist()
    cells = range(len(work.settings.balls))
    broke = {cell: fallen(done, work, cell) for cell in cells}
    kept = {cell: held(done, work, cell) for cell in cells}
    near = {of: _smallest(work, done, of) for of in dict.fromkeys(map(norm, work.settings.balls))}

    def fate(i: int, cell: int) -> str:
        if said[str(i)] != labels[i]:
            return AS_IT_IS
        if i in broke[cell]:
            return str(broke[cell][i]["by"])
        return HELD if i in kept[cell] else UNDECIDED

    def row(i: int) -> ImageRow:
        fates = {title(work, cell): fate(i, cell) for cell in cells}
        right = said[str(i)] == labels[i]
        answers = {title(work, c): broke[c][i]["said"] for c in cells if right and i in broke[c]}
        if not right:
            answers = dict.fromkeys(fates, said[str(i)])
        far = {of: found[i] for of, found in near.items() if i in found}
        return ImageRow(i, labels[i], said[str(i)], fates, answers, far)

    return tuple(map(row, work.attacked))


def _smallest(work: Work, done: Done, of: str) -> dict[int, float]:
    """Return the distance of the nearest wrong image found of each, by any attack in a norm."""
    found: dict[int, float] = {}
    cells = [k for k, within in enumerate(work.settings.balls) if norm(within) == of]
    rows: list[Found] = [row for k in cells for row in fallen(done, work, k).values()]
    for row in (*rows, *nearest(done, of)):
        found[row["index"]] = min(row["distance"], found.get(row["index"], float("inf")))
    return found


def _cell(work: Work, rows: Sequence[ImageRow], cell: int) -> Cell:
    ball = title(work, cell)
    fates = [row.fate[ball] for row in rows]
    ensemble = TABLE[work.plan.strength](work.settings.balls[cell], len(work.data.classes))
    first = TABLE[work.plan.first](work.settings.balls[cell], len(work.data.classes))
    words = f"{first.name}, then {ensemble.name}: {ensemble}"
    pixels = in_pixels(work.settings.balls[cell])
    return Cell(ball, pixels, words, fates.count(HELD), fates.count(UNDECIDED), len(rows))


def _curves(work: Work, done: Done) -> list[Curve]:
    """Return a curve for each norm, over the images that were searched."""
    said, labels, found = done["clean"]["said"], work.data.labels.tolist(), []
    for of in dict.fromkeys(map(norm, work.settings.balls)):
        chunks = [k for k, rows in enumerate(work.chunks) if f"nearest {of} {k}" in done]
        images = [i for k in chunks for i in work.chunks[k]]
        if not images:
            continue
        near = _smallest(work, done, of)
        far = [near.get(i, float("inf")) if said[str(i)] == labels[i] else -1.0 for i in images]
        most = 2 * max(within.eps for within in work.settings.balls if norm(within) == of)
        radii = tuple(most * k / POINTS for k in range(POINTS + 1))
        rates = tuple(Rate.share(sum(d > eps for d in far), len(far)) for eps in radii)
        how = f"nearest wrong image found by fmn ({WALK} steps) and by the ensembles"
        found.append(Curve(of, how, radii, rates))
    return found


def _pictures(work: Work, done: Done) -> dict[int, Found]:
    """Return for each broken image the nearest attacked one, in the first norm if there is one."""
    found: dict[int, Found] = {}
    order = sorted(range(len(work.settings.balls)), key=lambda k: (k > 0, k))
    rows = [*nearest(done, norm(work.settings.balls[0]))]
    rows += [row for cell in order for row in fallen(done, work, cell).values()]
    for row in rows:
        found.setdefault(row["index"], row)
    return found
