"""The images of an audit's page: closest to the border, unmoved, and all of them in a table."""

from html import escape

from robustlens.audit import Audit
from robustlens.audit.found import ImageRow
from robustlens.audit.thumbs import uri

SHOWN = 12
"""Images of a gallery."""
MOST = 500
"""Rows of the table; all rows are in images.jsonl."""


def galleries(one: Audit) -> str:
    """Return the images nearest to the border, and those that nothing moved."""
    parts = []
    near = [row for row, _ in one.closest(SHOWN)]
    if near:
        parts.append("<h3>Closest to the border</h3><p>The smallest changes found that turn the "
                     "answer: the image, and beside it the changed one.</p>")  # fmt: skip
        parts.append(f'<ul class="gallery">{"".join(_item(one, row) for row in near)}</ul>')
    kept = one.unmoved(SHOWN)
    if kept:
        parts.append("<h3>What no attack moved</h3><p>Held in every ball that was asked for; those "
                     "farthest from the border first.</p>")  # fmt: skip
        parts.append(f'<ul class="gallery">{"".join(_item(one, row) for row in kept)}</ul>')
    return "".join(parts)


def _thumb(source: str, words: str) -> str:
    return f'<img class="thumb" decoding="async" src="{source}" alt="{escape(words, quote=True)}">'


def _pair(one: Audit, row: ImageRow) -> str:
    label = one.data.classes[row.label]
    first = _thumb(uri(one.data.images[row.index].float() / 255), f"image {row.index}, {label}")
    attacked = one.pictures.get(row.index)
    if attacked is None:
        return f'<div class="pair">{first}</div>'
    said = _class(one, attacked["said"])
    second = _thumb(attacked["image"], f"changed by {attacked['distance']:.3g}, taken for {said}")
    return f'<div class="pair">{first}{second}</div>'


def _class(one: Audit, number: int) -> str:
    return one.data.classes[number] if number >= 0 else "no answer"


def _item(one: Audit, row: ImageRow) -> str:
    attacked = one.pictures.get(row.index)
    words = f"image {row.index}: {one.data.classes[row.label]}"
    norm = one.cells[0].ball.split()[0]
    far = row.nearest.get(norm)
    if attacked is not None and far is not None:
        words += f" to {_class(one, attacked['said'])}"
    small = f"at {norm} {far:.3g}" if far is not None else "nothing found"
    return f"<li>{_pair(one, row)}<span>{escape(words)}</span><small>{escape(small)}</small></li>"


def images(place: int, one: Audit) -> str:
    """Return the table of images, with filter and sort."""
    balls = [cell.ball for cell in one.cells]
    norm = balls[0].split()[0]
    heads = ["Image", "Class", "Answer", *balls, f"Nearest, {norm}"]
    top = "".join(
        f'<th scope="col"><button type="button">{escape(head)}</button></th>' for head in heads
    )
    rows = "".join(_row(one, row, balls, norm) for row in one.rows[:MOST])
    kinds = sorted({_kind(row, balls[0]) for row in one.rows[:MOST]})
    options = "".join(f"<option>{escape(kind)}</option>" for kind in kinds)
    more = (
        f"<p>The first {MOST} of {len(one.rows)}; all are in images.jsonl.</p>"
        if len(one.rows) > MOST
        else ""
    )
    return f"""
<h3>Every image that was attacked</h3>{more}
<div data-images>
<div class="tools">
<label>Filter by words <input type="search" placeholder="class, answer, attack"></label>
<label>In {escape(balls[0])} <select><option value="">all</option>{options}</select></label>
<output aria-live="polite">{len(one.rows[:MOST])} images</output>
</div>
<div class="scroll" tabindex="0" role="group" aria-label="images">
<table class="images" id="images-{place}"><thead><tr><th scope="col">Picture</th>{top}</tr></thead>
<tbody>{rows}</tbody></table></div></div>"""


def _kind(row: ImageRow, ball: str) -> str:
    fate = row.fate[ball]
    return fate if fate in ("held", "undecided", "wrong as it is") else "broken"


def _row(one: Audit, row: ImageRow, balls: list[str], norm: str) -> str:
    far = row.nearest.get(norm)
    fates = ""
    for ball in balls:
        fate, said = row.fate[ball], row.attacked.get(ball)
        to = f", says {_class(one, said)}" if said is not None and fate != "wrong as it is" else ""
        words = fate if _kind(row, ball) != "broken" else f"broken by {fate}{to}"
        fates += f"<td>{escape(words)}</td>"
    return (
        f'<tr data-fate="{escape(_kind(row, balls[0]))}"><td>{_pair(one, row)}</td>'
        f"<td>{row.index}</td><td>{escape(one.data.classes[row.label])}</td>"
        f"<td>{escape(_class(one, row.clean))}</td>{fates}"
        f'<td data-key="{1e9 if far is None else far}">{"" if far is None else f"{far:.3g}"}</td>'
        "</tr>"
    )
