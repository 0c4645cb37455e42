"""A run as a card of the page. Every word that comes from a file is escaped on its way in."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from robustlens.errors import UnknownName
from robustlens.pictures import Drawn
from robustlens.provenance import Provenance
from robustlens.recorded import FILE
from robustlens.registry import Study, what_decides
from robustlens.report.picture import shown
from robustlens.report.words import duration, interval
from robustlens.result import Number, Result, Verdict
from robustlens.studies.claims import CLAIMS

SMALLEST = 0.72
"""A picture shrinks on a small screen to this share of its size; then it scrolls."""


class Run(NamedTuple):
    """A run to be shown: its number on the page, its result and its study."""

    number: int
    result: Result
    study: Study
    recorded: bool  # by us, shipped with the package; else measured on this machine

    @property
    def anchor(self) -> str:
        """The id of the card, for links; runs of one study have different numbers."""
        return escape(f"{self.study.id}-{self.number}")


def load(number: int, folder: Path, studies: Mapping[str, Study]) -> Run:
    """Return the run of a folder.

    Raises:
        InputError: the result is missing or broken, or its study is unknown.
    """
    result = Result.read(folder)
    if result.study not in studies:
        raise UnknownName("study", result.study, studies)
    return Run(number, result, studies[result.study], (folder / FILE).is_file())


def card(run: Run) -> str:
    """Return a run as an HTML article."""
    result, study = run.result, run.study
    return f"""
<article id="{run.anchor}" aria-labelledby="{run.anchor}-title">
<p class="over">{_place(run)}</p>
<h2 id="{run.anchor}-title">{escape(study.title)}</h2>
<p class="claim">{escape(study.claim)}</p>
{"".join(_figure(f) for f in result.figures if isinstance(f, Drawn))}
{_numbers(result.numbers)}
<div class="verdict">
<p>{badge(result.verdict)} {escape(result.summary)}</p>
{_undecided(run)}
<p class="small"><b>The rule, written before the run.</b> {escape(study.rule)}</p>
<p class="small"><b>Published.</b> {escape(study.published)}</p>
</div>
{_again(run)}
{_provenance(result.provenance)}
</article>"""


def _undecided(run: Run) -> str:
    words = what_decides(run.study.id, run.result.verdict)
    return f'<p class="small">{escape(words)}</p>' if words else ""


def badge(verdict: Verdict | None) -> str:
    """Return a verdict as a badge; nothing for none."""
    if verdict is None:
        return ""
    return f'<span class="badge {verdict.replace(" ", "-")}">{verdict.capitalize()}</span>'


def headline(run: Run) -> str:
    """Return the first number of a run, which a study chooses as its most telling."""
    for name, number in run.result.numbers.items():
        value, between = _value(name, number)
        return f"<b>{value}</b> <span class=between>{between}</span><br>{escape(name)}"
    return "no numbers"


def section(study: str) -> str:
    """Return where the talk makes a claim, or nothing when it is not one of the talk's."""
    return f"Section {CLAIMS[study].section} of the talk" if study in CLAIMS else ""


def kind(run: Run) -> str:
    """Return how the numbers came about, as a tag: measured here, or recorded by us."""
    if run.recorded:
        return '<span class="kind recorded">Recorded</span>'
    return '<span class="kind here">Computed here</span>'


def _place(run: Run) -> str:
    parts = (f"Claim {run.number}", section(run.study.id), f"preset “{run.result.preset}”")
    return " · ".join([*(escape(part) for part in parts if part), kind(run)])


def _figure(figure: Drawn) -> str:
    light, dark = (shown(figure, theme) for theme in ("light", "dark"))
    caption = escape(figure.caption)
    # Half the pixels: sharp on dense screens. The frame scrolls where a screen is too narrow, and
    # can then be reached from the keyboard.
    width, height = light.width // 2, light.height // 2
    return f"""
<figure>
<div class="frame" tabindex="0" role="group" aria-label="{escape(figure.name)}">
<picture>
<source media="(prefers-color-scheme: dark)" srcset="{dark.uri}">
<img src="{light.uri}" alt="{caption}" width="{width}" height="{height}"
 style="min-width: {int(width * SMALLEST)}px">
</picture>
</div>
<figcaption>{caption}</figcaption>
</figure>"""


def _numbers(numbers: Mapping[str, Number]) -> str:
    if not numbers:
        return ""
    rows = "".join(_number(name, number) for name, number in numbers.items())
    return f"""
<div class="scroll">
<table class="numbers">
<caption>Our numbers, each with its 95&nbsp;% interval</caption>
<thead><tr><th scope="col">Measured</th><th scope="col">Ours</th>
<th scope="col">n</th><th scope="col">Published</th></tr></thead>
<tbody>{rows}</tbody>
</table>
</div>"""


def _number(name: str, number: Number) -> str:
    value, between = _value(name, number)
    published = escape(number.published or "none")
    count = f"{number.n:,}" if number.n else "derived"
    source = f"<br><small>{escape(number.source)}</small>" if number.source else ""
    return f"""
<tr><th scope="row">{escape(name)}</th>
<td class="value"><b>{value}</b><br><span class="between">{between}</span></td>
<td class="value">{count}</td><td>{published}{source}</td></tr>"""


def _value(name: str, number: Number) -> tuple[str, str]:
    return interval(name, number.value, number.low, number.high, number.n)


def _again(run: Run) -> str:
    origin = run.result.provenance
    took = f"{duration(run.result.seconds)} on {escape(origin.device)}"
    words = (
        f"Recorded by us on {escape(origin.date)}: it took {took}. To make it again here:"
        if run.recorded
        else f"Took {took}. To do it again:"
    )
    return f"""
<p class="small">{words}</p>
<pre class="command"><code>{escape(origin.command.strip())}</code></pre>"""


def _provenance(origin: Provenance) -> str:
    facts = {
        "Date": origin.date,
        "Seed": origin.seed,
        "Commit": origin.commit,
        "Threads": origin.threads,
        "Versions": _listed(origin.versions),
        "Data, by digest": _listed(origin.data) or "none",
    }
    rows = "".join(f"<dt>{k}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items())
    config = json.dumps(origin.config, indent=2, ensure_ascii=False)
    return f"""
<details>
<summary>Where these numbers come from</summary>
<dl>{rows}</dl>
<pre><code>{escape(config)}</code></pre>
</details>"""


def _listed(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())
