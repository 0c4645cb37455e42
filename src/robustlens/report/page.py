"""The page around the cards: heading, overview, what has not been run."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from robustlens.files import AnyPath, as_path
from robustlens.registry import Study
from robustlens.report.card import Run, badge, card, headline, load, section
from robustlens.studies.claims import CLAIMS


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
    rows = "".join(_overview_row(run) for run in runs)
    return f"""
<div class="scroll">
<table class="overview">
<thead><tr><th scope="col">Claim</th><th scope="col">Verdict</th>
<th scope="col">Headline, 95&nbsp;% interval</th></tr></thead>
<tbody>{rows}</tbody>
</table>
</div>"""


def _overview_row(run: Run) -> str:
    return f"""
<tr><th scope="row"><a href="#{run.anchor}">{escape(run.study.title)}</a>
<small>{escape(run.result.preset)}</small></th>
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
