"""The page of an audit: verdict first, then what it rests on; several models side by side.

compose([found, other])         # one HTML text that stands alone
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from robustlens.audit import Audit
from robustlens.audit.verdict import RULE
from robustlens.radii import parse_eps
from robustlens.rate import Rate
from robustlens.report.audit_images import galleries, images
from robustlens.report.audit_sections import sections
from robustlens.report.svg import curve
from robustlens.report.words import duration


def compose(found: Sequence[Audit]) -> str:
    """Return the page of one audit or more."""
    script = _part("audit.js")
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    title = "Audit of " + " and ".join(one.name for one in found)
    first = found[0]
    lead = (
        f"{len(first.data)} images of {first.data.name}, {len(first.data.classes)} classes. Every "
        "number has its 95 % interval and the number of images behind it."
    )
    notes = dict.fromkeys(note for one in found for note in one.notes)
    said = "".join(f"<p>Note: {escape(note)}</p>" for note in notes)
    return Template(_part("audit.html")).substitute(
        title=escape(title),
        lead=f'<p class="lead">{escape(lead)}</p>{said}',
        hash=digest,
        style=_part("page.css") + _part("audit.css"),
        side=_side(found) if len(found) > 1 else "",
        models="".join(_model(k, one) for k, one in enumerate(found)),
        rule=escape(RULE),
        script=script,
    )


def _part(name: str) -> str:
    return (files("robustlens.report") / name).read_text(encoding="utf-8")


def badge(grade: str) -> str:
    """Return a grade as a badge."""
    return (
        f'<span class="badge grade {grade.replace(" ", "-")}">{escape(grade.capitalize())}</span>'
    )


def _side(found: Sequence[Audit]) -> str:
    """Return the models side by side: verdicts, numbers, curves."""
    heads = "".join(f'<th scope="col"><a href="#m{k}">{escape(one.name)}</a></th>'
                    for k, one in enumerate(found))  # fmt: skip
    rows = [("verdict", [badge(one.verdict.grade) for one in found])]
    rows.append(("clean accuracy", [rate(one.clean) for one in found]))
    for place, cell in enumerate(found[0].cells):
        rows.append((f"robust accuracy, {cell.ball}",
                     [escape(str(one.cells[place])) for one in found]))  # fmt: skip
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{c}</td>" for c in cells)}</tr>'
        for name, cells in rows
    )
    return (
        f'<section aria-labelledby="side"><h2 id="side">Side by side</h2><div class="scroll"'
        f' tabindex="0" role="group" aria-label="models side by side"><table><thead><tr><td></td>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div>{_curves(found)}</section>"
    )


def rate(found: Rate) -> str:
    """Return a rate as HTML."""
    return (
        f'<b>{found.value:.1%}</b> <span class="between">[{found.low:.1%}, {found.high:.1%}]'
        f"</span> n {found.n}"
    )


def _curves(found: Sequence[Audit]) -> str:
    norms = dict.fromkeys(c.norm for one in found for c in one.curves)
    parts = []
    for norm in norms:
        every = [(one.name, c) for one in found for c in one.curves if c.norm == norm]
        series = [(name, c.radii, c.rates) for name, c in every]
        balls = [cell.ball.split() for cell in found[0].cells]
        marks = [(parse_eps(eps), eps) for name, eps in balls if name == norm]
        how = every[0][1].how
        n = ", ".join(str(rates[0].n) for _, _, rates in series)
        parts.append(
            f"<figure>{curve(norm, series, marks)}<figcaption>Accuracy over the {norm} radius, "
            f"n {n}, with 95 % intervals: an upper bound, by the {escape(how)}.</figcaption>"
            "</figure>"
        )
    return "".join(parts)


def _model(place: int, one: Audit) -> str:
    verdict = one.verdict
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in verdict.sentences)
    why = "".join(f"<li>{escape(word)}</li>" for word in one.left_out)
    left = f"<h3>Left out for time</h3><ul>{why}</ul>" if why else ""
    curves = f"<h3>Accuracy over the radius</h3>{_curves([one])}" if one.curves else ""
    return f"""
<article id="m{place}" aria-labelledby="m{place}-title">
<h2 id="m{place}-title">{escape(one.name)}</h2>
<p>{badge(verdict.grade)}</p>
<ol class="sentences">{sentences}</ol>
{_robust(one)}
{curves}
{sections(one)}
{galleries(one)}
{images(place, one)}
{left}
{_card(one)}
</article>"""


def _robust(one: Audit) -> str:
    rows = [
        f'<tr><th scope="row">clean accuracy<br><small>as they are</small></th>'
        f"<td>{rate(one.clean)}</td><td></td></tr>"
    ]
    for cell in one.cells:
        rows.append(
            f'<tr><th scope="row">robust accuracy, {escape(cell.ball)}<br>'
            f"<small>{escape(cell.pixels)}</small></th><td>{escape(str(cell))}</td>"
            f"<td><small>{escape(cell.attack)}</small></td></tr>"
        )
    return (
        '<h3>Accuracy</h3><div class="scroll" tabindex="0" role="group" aria-label="accuracy">'
        '<table><thead><tr><th scope="col">Measured</th><th scope="col">Share</th>'
        '<th scope="col">What an image must resist</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _card(one: Audit) -> str:
    subject, origin = one.subject, one.provenance
    facts = {
        "Model": subject["origin"],
        "Kind": f"{subject['kind']}, {subject['parameters']:,} parameters",
        "Input": f"{subject['input']}; {subject['pixels']}",
        "Classes": subject["classes"],
        "Gradient": "yes" if subject["gradient"] else "none: black-box attacks only",
        "Images": f"{one.data.name}, digest {one.data.digest}",
        "Plan": one.planned,
        "Took": f"{duration(origin.seconds)} on {origin.device}",
        "Seed": origin.seed,
        "Commit": origin.commit,
        "Versions": ", ".join(f"{name} {value}" for name, value in origin.versions.items()),
        "Date": origin.date,
    }
    rows = "".join(f"<dt>{k}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items())
    return f"""
<h3>The model, and where these numbers come from</h3>
<dl>{rows}</dl>
<p class="small">Every number of this model again, by the same command; finished steps are kept, and
<code>--anew</code> does them again:</p>
<pre class="command"><code>{escape(origin.command)}</code></pre>"""
