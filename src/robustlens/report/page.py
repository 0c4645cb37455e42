"""The page around the cards: heading, overview, what has not been run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from robustlens.files import AnyPath, as_path
from robustlens.registry import Study
from robustlens.report.card import Run, badge, card, headline, kind, load, section
from robustlens.studies.claims import CLAIMS, SECTIONS


def compose(folders: Sequence[AnyPath], studies: Mapping[str, Study]) -> str:
    """Return the page of the runs in `folders`.

    Raises:
        InputError: a missing or broken result or picture; a study that is not in `studies`.
    """
    runs = [
        load(number, as_path(folder), studies) for number, folder in enumerate(folders, start=1)
    ]
    return Template(_part("page.html")).substitute(
        style=_part("page.css"),
        overview=_overview(runs),
        cards="".join(card(run) for run in runs),
        waiting=_waiting(runs, studies),
        others=_others(studies),
    )


def _part(name: str) -> str:
    return (files("robustlens.report") / name).read_text(encoding="utf-8")


def _overview(runs: Sequence[Run]) -> str:
    if not runs:
        return "<p>Nothing has been run yet. The commands below do it.</p>"
    return f"""
<p class="tally">{_tally(runs)}</p>
<div class="scroll">
<table class="overview">
<thead><tr><th scope="col">Claim</th><th scope="col">Verdict</th>
<th scope="col">Headline, 95&nbsp;% interval</th></tr></thead>
{"".join(_overview_section(number, rows) for number, rows in _by_section(runs).items())}
</table>
</div>"""


def _tally(runs: Sequence[Run]) -> str:
    """Return how many claims there are of each verdict, and how many numbers are records."""
    verdicts = Counter(str(run.result.verdict or "no verdict") for run in runs)
    counts = [f"{times} {verdict}" for verdict, times in verdicts.most_common()]
    recorded = sum(run.recorded for run in runs)
    return escape(
        f"{len(runs)} claims: {', '.join(counts)}. "
        f"{len(runs) - recorded} computed here, {recorded} recorded by us."
    )


def _by_section(runs: Sequence[Run]) -> Mapping[int, list[Run]]:
    """Return the runs by section of the talk, in its order; 0 for those that are not of it."""
    found: dict[int, list[Run]] = {number: [] for number in (*SECTIONS, 0)}
    for run in runs:
        found[CLAIMS[run.study.id].section if run.study.id in CLAIMS else 0].append(run)
    return {number: rows for number, rows in found.items() if rows}


def _overview_section(number: int, runs: Sequence[Run]) -> str:
    name = f"{number}. {SECTIONS[number]}" if number else "Beside the talk"
    return f"""
<tbody>
<tr class="section"><th colspan="3" scope="rowgroup">{escape(name)}</th></tr>
{"".join(_overview_row(run) for run in runs)}
</tbody>"""


def _overview_row(run: Run) -> str:
    return f"""
<tr><th scope="row"><a href="#{run.anchor}">{escape(run.study.title)}</a>
<small>{escape(run.result.preset)}</small> {kind(run)}</th>
<td>{badge(run.result.verdict)}</td><td>{headline(run)}</td></tr>"""


def _waiting(runs: Sequence[Run], studies: Mapping[str, Study]) -> str:
    """Return the studies that have no run, each with its command."""
    done = {run.study.id for run in runs}
    items = "".join(_waiting_item(study) for study in studies.values() if study.id not in done)
    if not items:
        return ""
    return f"<section><h2>Not run yet</h2><ul class=plain>{items}</ul></section>"


def _waiting_item(study: Study) -> str:
    command = escape(f"robustlens run {study.id} --preset quick")
    return f"""
<li><b>{escape(study.title)}.</b> {escape(study.claim)}
<pre class="command"><code>{command}</code></pre></li>"""


def _others(studies: Mapping[str, Study]) -> str:
    """Return the claims of the talk that no study tests yet: nothing is left out in silence."""
    claims = [claim for claim in CLAIMS.values() if claim.id not in studies]
    items = "".join(f"<li>{escape(c.sentence)} <small>{section(c.id)}</small></li>" for c in claims)
    return f"""
<details>
<summary>{len(claims)} claims of the talk that have no study here yet</summary>
<ul class="plain">{items}</ul>
</details>"""
