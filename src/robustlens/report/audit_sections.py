"""The sections of an audit's page: what was measured besides attacks in balls."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from robustlens.audit import Audit
from robustlens.audit.thumbs import uri
from robustlens.rate import Rate


def sections(one: Audit) -> str:
    """Return the sections that there is something for, each with its heading."""
    makers: dict[str, tuple[str, Callable[[Audit, Any], str]]] = {
        "masking": ("Signs of masked gradients", _masking),
        "corruptions": ("Weather, noise and blur", _corruptions),
        "threats": ("Rotations, shifts and colours", _threats),
        "certified": ("Certified radius", _certified),
        "gradients": ("What the gradient points at", _gradients),
        "units": ("Which features are useful", _units),
        "transfer": ("Transfer from and to shipped nets", _transfer),
    }
    parts = []
    for name, (title, make) in makers.items():
        if name in one.sections:
            found = one.sections[name]
            skipped = found.get("skipped") if isinstance(found, Mapping) else None
            body = f"<p>Not measured: {escape(skipped)}</p>" if skipped else make(one, found)
            parts.append(f"<h3>{title}</h3>{body}")
    parts.append(_confusions(one))
    return "".join(parts)


def share(row: Mapping[str, Any]) -> str:
    """Return a saved rate as HTML."""
    found = Rate(**row)
    return (
        f'<b>{found.value:.1%}</b> <span class="between">[{found.low:.1%}, {found.high:.1%}]</span>'
        f" n {found.n}"
    )


def table(label: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; the first of a row is its heading."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(label)}"><table><thead>'
        f"<tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _masking(one: Audit, found: Mapping[str, Any]) -> str:
    checks = found["checks"]
    warned = [c for c in checks if c["outcome"] == "warned"]
    counts = f"{len(warned)} of {len(checks)} checks warn, on {found['images']} images at most."
    rows = [
        (
            escape(c["name"]),
            f'<span class="outcome-{c["outcome"]}">{c["outcome"]}</span>',
            escape(f"{c['meaning']} {c['advice']}" if c["outcome"] == "warned" else c["rule"]),
        )
        for c in checks
    ]
    shown = "open" if warned else ""
    return (
        f"<p>{counts}</p><details {shown}><summary>All checks</summary>"
        f"{table('checks', ('Check', 'Outcome', 'What it means'), rows)}</details>"
    )


def _corruptions(one: Audit, found: Mapping[str, Any]) -> str:
    rates = sorted(found["rates"].items(), key=lambda pair: pair[1]["value"])
    rows = [(escape(name.replace("_", " ")), share(rate)) for name, rate in rates]
    words = (
        f"Accuracy at severity {found['severity']} of 5, one draw for an image, the worst first."
    )
    return f"<p>{words}</p>{table('corruptions', ('Corruption', 'Accuracy'), rows)}"


def _threats(one: Audit, found: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (escape(t["name"]), share(t["rate"]), escape(t["how"]))
        if "rate" in t
        else ("", escape(t["skipped"]), "")
        for t in found
    ]
    words = (
        "Accuracy where an adversary chooses the angle, the shift or the colour; an upper bound."
    )
    return f"<p>{words}</p>{table('threats', ('Threat', 'Accuracy', 'Tried'), rows)}"


def _certified(one: Audit, found: Mapping[str, Any]) -> str:
    under = (
        f"Under Gaussian noise of deviation {found['sigma']:g} it is right on "
        f"{share(found['noisy'])}, without on {share(found['clean'])}."
    )
    if not found["holds"]:
        return f"<p>{under} It does not hold under noise, so nothing is certified.</p>"
    rows = [
        (f"l2 {radius:g}", share(rate))
        for radius, rate in zip(found["radii"], found["rates"], strict=True)
    ]
    words = (
        f"{under} Of the smoothed model, certified with {found['votes']} votes at most, each "
        "certificate false with probability 0.001 at most:"
    )
    return f"<p>{words}</p>{table('certified accuracy', ('Radius', 'Certified accuracy'), rows)}"


def _mean(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}], n {row['n']}"


def _gradients(one: Audit, found: Mapping[str, Any]) -> str:
    pictures = "".join(
        f'<li><div class="pair">{_thumb(uri(_image(one, s["index"])), "the image")}'
        f"{_thumb(s['image'], 'its gradient')}</div>"
        f"<span>{escape(one.data.classes[int(one.data.labels[s['index']])])}</span></li>"
        for s in found["shown"]
    )
    return (
        "<p>Cosine of the loss gradient with the way to the mean image of the likeliest other "
        "class: "
        f"{_mean(found['cosine'])}. A net that reads features as people do is well above 0. "
        "Share of the gradient's energy at high frequencies: "
        f"{_mean(found['high_frequency'])}; white "
        f'noise has about 0.80.</p><ul class="gallery">{pictures}</ul>'
    )


def _image(one: Audit, index: int) -> Any:
    return one.data.images[index].float() / 255


def _thumb(source: str, words: str) -> str:
    return f'<img class="thumb" decoding="async" src="{source}" alt="{escape(words, quote=True)}">'


def _units(one: Audit, found: Mapping[str, Any]) -> str:
    rows = [(escape(kind), share(rate)) for kind, rate in found["kinds"].items()]
    items = "".join(
        f"<li><span>unit {s['unit']}, {escape(s['kind'])}</span><small>for {escape(s['class'])}: "
        f"useful {s['rho']['value']:.2f}, under attack {s['gamma']['value']:.2f}</small>"
        f'<div class="strip">{"".join(_thumb(i, "it answers to most") for i in s["images"])}'
        "</div></li>"
        for s in found["shown"]
    )
    return (
        f"<p>The {found['units']} most useful of {found['of']} units of the last layer, each for "
        "one class against the rest, with and without an adversary in the first ball; below, the "
        "images that the best answer to most.</p>"
        f"{table('units', ('Kind', 'Share of units'), rows)}"
        f'<ul class="gallery">{items}</ul>'
    )


def _transfer(one: Audit, found: Mapping[str, Any]) -> str:
    rows = [(escape(p["from"]), escape(p["to"]), share(p["rate"])) for p in found["pairs"]]
    words = f"Share of the images that a net gets right and loses to examples made on another, by {found['attack']}."  # noqa: E501
    return f"<p>{escape(words)}</p>{table('transfer', ('Made on', 'Shown to', 'Fooled'), rows)}"


def _confusions(one: Audit) -> str:
    rows = [(escape(a), escape(b), str(n)) for a, b, n in one.confusions(10)]
    if not rows:
        return ""
    words = f"The most frequent answers under attack in {one.cells[0].ball}."
    return (
        f"<h3>What is taken for what</h3><p>{escape(words)}</p>"
        f"{table('confusions', ('True class', 'Answer', 'Images'), rows)}"
    )
