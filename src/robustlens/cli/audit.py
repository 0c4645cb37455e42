"""`robustlens audit`: one page of what a model has learned, within a time."""

import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from robustlens.audit import Audit as Found
from robustlens.audit import Settings, audited
from robustlens.audit.clock import Clock
from robustlens.audit.found import ROWS
from robustlens.audit.settings import balls_of
from robustlens.cli.command import Answer, device
from robustlens.cli.flags import audit as flags
from robustlens.cli.images import described, heading, reading
from robustlens.data.sources import unlabelled
from robustlens.errors import InputError
from robustlens.files import write_json
from robustlens.journal import put_aside
from robustlens.progress import say
from robustlens.provenance import command_line
from robustlens.report import write_audit
from robustlens.subject import Prepared, bring, prepare

PAGE = 2.0
"""Seconds kept for the page, and a share of the time beside them."""
SHARE = 0.04


class Audit(flags.Audit):
    """`robustlens audit`, at work."""

    def run(self) -> Answer:
        """Audit the models, and write page, JSON and rows."""
        return answer(self, flags.BEGAN.get(time.perf_counter()))


def answer(command: flags.Audit, began: float) -> Answer:
    """Audit the models one by one, each with its share of what is left of the time."""
    settings = Settings(
        balls=balls_of(command.norm, command.eps),
        minutes=command.minutes,
        limit=command.limit,
        sigma=command.sigma,
        severity=command.severity,
        seed=command.seed,
    )
    whole = Clock(60 * command.minutes * (1 - SHARE) - PAGE, began=began)
    where = device(command.device)
    weights = (command.weights, *[None] * len(command.compare))
    pairs = zip(command.specs, weights, strict=True)
    subjects = [bring(spec, weights=file, device=where) for spec, file in pairs]
    ready = prepare(
        subjects,
        command.data,
        split=command.split,
        size=command.size,
        ball=settings.balls[0],
    )
    found: list[Found] = []
    for place, subject in enumerate(ready.subjects):
        if command.limit > len(ready.data):
            what = f"--limit {command.limit} for the {len(ready.data)} images of {ready.data.name}"
            raise InputError(what, f"1 to {len(ready.data)}, or 0", "change --limit")
        share = max(whole.left, 0.0) / (len(ready.subjects) - place)
        save = command.out / f"steps-{place}-{re.sub(r'[^A-Za-z0-9.]+', '-', subject.name)}.jsonl"
        if command.anew:
            put_aside(save)
        if found:  # side by side on the same images, as far as the time allows
            settings = replace(settings, limit=found[0].plan.n)
        found.append(
            audited(
                subject,
                ready,
                settings,
                clock=Clock(share),
                labelled=not unlabelled(command.data),
                save=save,
                command=command_line("robustlens", *sys.argv[1:]),
                told=lambda words, name=subject.name: say(f"robustlens: {name}: {words}"),  # type: ignore[misc]
            )
        )
    return _answer(command.out, found, ready)


def _answer(out: Path, found: list[Found], ready: Prepared) -> Answer:
    payload: dict[str, Any] = {
        "images": described(ready.data),
        "reading": reading(ready.data),
        "notes": list(ready.notes),
        "models": [one.as_dict() for one in found],
    }
    for place, one in enumerate(found):
        name = "images.jsonl" if not place else f"images-{place}.jsonl"
        ROWS.write(out / name, {"model": one.name}, one.rows)
    write_json(out / "audit.json", payload)
    page = write_audit(found, out / "index.html")
    lines = [heading(ready.data)]
    for one in found:
        lines += [f"{one.name}: {one.verdict.grade}", *(f"  {s}" for s in one.verdict.sentences)]
        lines += [f"  clean accuracy: {one.clean}, n {one.clean.n}"]
        lines += [f"  robust accuracy, {cell.ball}: {cell}" for cell in one.cells]
        lines += [f"  left out for time: {words}" for words in one.left_out]
    lines += [f"  note: {note}" for note in ready.notes]
    files = {"page": str(page), "json": str(out / "audit.json"), "rows": str(out / "images.jsonl")}
    return Answer({**payload, "files": files}, "\n".join([*lines, f"page: {page}"]))
