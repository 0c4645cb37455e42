"""One call: a model, images, a time; what was found.

found = audit("fashion-l2-1.5", "fashion", norm="l2", eps=1.5, minutes=10)
found = audit(model, x, y, norm=("l2", "linf"), eps=(0.5, "8/255"), minutes=2)
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from robustlens.audit.assembled import assembled
from robustlens.audit.clock import Clock, OutOfTime, ending
from robustlens.audit.found import Audit
from robustlens.audit.plan import Plan, measured, planned
from robustlens.audit.settings import Settings, balls_of, named
from robustlens.audit.steps import steps
from robustlens.audit.work import PIECES, Found, Piece, Step, Work
from robustlens.data import Dataset
from robustlens.data.sources import unlabelled
from robustlens.doubts import quiet
from robustlens.errors import AnotherRun, InputError
from robustlens.evaluation.identity import look, model_on_data, other_run, probes
from robustlens.files import AnyPath
from robustlens.journal import Header, Journal, header_of, put_aside
from robustlens.provenance import provenance
from robustlens.radii import Radius
from robustlens.subject import Prepared, Subject, bring, prepare
from robustlens.subject.images import answered
from robustlens.subject.trial import classes_of
from robustlens.types import Model

OWN = ("plan", "minutes")
"""Entries of a header in which two turns of one audit may differ."""


class Called(nn.Module):
    """A function as a module: what an audit needs of one that is none."""

    def __init__(self, function: Model) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        """Return what the function returns."""
        return self.function(x)


def audit(
    model: Model | Subject | str,
    images: Tensor | Dataset | str,
    labels: Tensor | None = None,
    *,
    norm: str | Sequence[str] = "l2",
    eps: Radius | str | Sequence[Radius | str] = 0.5,
    minutes: float = 10.0,
    classes: Sequence[str] = (),
    save: AnyPath | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> Audit:
    """Return what a model has learned, as far as it can be measured in so many minutes.

    Args:
        model: a net or function for images in [0, 1], or what `bring` understands.
        images: (n, c, h, w), uint8 or floats in [0, 1]; a data set; or a name or path.
        labels: (n,) int64; without them the model's own answers to the images stand in.
        norm, eps: of each ball; one norm goes with every radius. The verdict is of the first.
        classes: names of the classes; default their numbers.
        save: a file that keeps every finished step; the same call goes on from there.
        clock: what measures the time; default from now on.
        settings: as `Settings`: limit, sigma, severity, threats, seed.

    Raises:
        InputError: as `bring`, `prepare` and `Settings`; or a time too short to ask the model.
    """
    asked = Settings(balls=balls_of(norm, eps), minutes=minutes, **settings)
    clock = Clock(60 * asked.minutes) if clock is None else clock
    subject = _subject(model)
    if isinstance(images, str):
        ready, known = prepare([subject], images), not unlabelled(images)
    else:
        ready, known = _given(subject, images, labels, tuple(classes))
    return audited(ready.subjects[0], ready, asked, clock=clock, labelled=known, save=save)


def _subject(model: Model | Subject | str) -> Subject:
    if isinstance(model, Subject):
        return model
    if isinstance(model, str | nn.Module):
        return bring(model)
    name = getattr(model, "__name__", type(model).__name__)
    return Subject(Called(model), name, f"the function {name} that was handed over")


def _given(
    subject: Subject, images: Tensor | Dataset, labels: Tensor | None, classes: tuple[str, ...]
) -> tuple[Prepared, bool]:
    """Return images from memory, with the model's own answers where there are no labels."""
    if isinstance(images, Dataset):
        return Prepared((subject,), images, subject.notes), True
    if images.is_floating_point():
        low, high = (float(v) for v in images.aminmax())
        if not (low >= -1e-5 and high <= 1 + 1e-5):
            change = "divide by 255, and let the model normalise"
            raise InputError(f"pixels from {low:g} to {high:g}", "pixels in [0, 1]", change)
        images = (images.clamp(0, 1) * 255).round().byte()
    y = torch.zeros(len(images), dtype=torch.int64) if labels is None else labels.cpu()
    count = max(len(classes or subject.classes), int(y.max()) + 1 if len(y) else 1)
    names = classes or subject.classes or tuple(map(str, range(count)))
    data = Dataset(images, y.to(images.device), names, "images given")
    if labels is None:
        data, note = answered(subject, data)
        return Prepared((subject,), data, (*subject.notes, note)), False
    return Prepared((subject,), _widened(subject, data), subject.notes), True


def _widened(subject: Subject, data: Dataset) -> Dataset:
    """Return the data with a name for every class of the model, where labels are only numbers."""
    count = classes_of(subject.model, data)
    if count <= len(data.classes) or data.classes != tuple(map(str, range(len(data.classes)))):
        return data
    return replace(data, classes=tuple(map(str, range(count))))


def audited(
    subject: Subject,
    ready: Prepared,
    settings: Settings,
    *,
    clock: Clock,
    labelled: bool = True,
    save: AnyPath | None = None,
    command: str = "",
    told: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Return the audit of a model on images that were brought together; arguments as `audit`.

    Args:
        told: is called with the plan before the work, and with each part that is done.

    Raises:
        InputError: the time is over before the model has answered the images as they are.
    """
    data = ready.data
    speed = measured(subject.model, data, clock.now, gradient=subject.gradient)
    before = {} if save is None else header_of(save)
    header = _header(subject, data, settings)
    plan = planned(speed, data, settings, seconds=clock.left, gradient=subject.gradient)
    if "plan" in before and not _differ(before, header):
        plan = Plan(**{**before["plan"], "balls": tuple(before["plan"]["balls"])})
    header = {**header, "plan": vars(plan), "minutes": settings.minutes}
    told(f"plan: {plan.words(len(data.classes), settings.balls)}")
    work = Work(subject, data, settings, plan, speed)
    whole = steps(work)
    journal = _opened(save, header, len(whole))
    done, left_out = _worked(whole, journal, clock, subject.model, told)
    if "clean" not in done:
        raise InputError(
            f"{settings.minutes:g} minutes for {plan.wide} images",
            "time to ask the model once about each",
            "change minutes, or limit",
        )
    origin = provenance(
        command or "robustlens.audit(...)",
        {"balls": [named(b) for b in settings.balls], "minutes": settings.minutes,
         "limit": settings.limit, "sigma": settings.sigma, "severity": settings.severity},
        seed=settings.seed,
        seconds=max(clock.spent, 0.0),
        data={data.name: data.digest},
        device=data.images.device,
    )  # fmt: skip
    return assembled(
        work, done, left_out=left_out, notes=ready.notes, labelled=labelled, provenance=origin
    )


def _header(subject: Subject, data: Dataset, settings: Settings) -> dict[str, Any]:
    """Return what another turn must agree with to go on: model, images and what is asked for."""
    model = subject.model
    known = look(model, probes(data))
    found = model_on_data("audit", model, known, data, seed=settings.seed, batch_size="any")
    return {**found, "balls": [named(b) for b in settings.balls], "limit": settings.limit,
            "threats": [str(t) for t in settings.threats], "sigma": settings.sigma,
            "severity": settings.severity}  # fmt: skip


def _differ(before: Header, now: Header) -> str:
    """Return by what two headers differ, the plan and the time left out."""
    return other_run(*({k: v for k, v in h.items() if k not in OWN} for h in (before, now)))


def _opened(save: AnyPath | None, header: Header, total: int) -> Journal[Piece]:
    kind = replace(PIECES, differ=_differ)
    try:
        return Journal.open(save, header, kind, batch_size=1, total=total)
    except AnotherRun as error:
        put_aside(save or "", error.received)
        return Journal.open(save, header, kind, batch_size=1, total=total)


def _worked(
    whole: Sequence[Step],
    journal: Journal[Piece],
    clock: Clock,
    model: nn.Module,
    told: Callable[[str], None],
) -> tuple[dict[str, Found], list[str]]:
    """Do the steps that the time allows, in order; return what is done, and what was left out."""
    done = {row.name: row.found for row in journal.rows}
    pace: dict[str, float] = defaultdict(lambda: 1.0)
    out: dict[str, list[float]] = {}
    with ending(model, clock), quiet():
        for index, step in enumerate(whole):
            if step.name in done:
                continue
            price = step.price * pace[step.kind]
            if price > clock.left and step.name != "clean":
                out.setdefault(step.title, []).append(price)
                continue
            began = clock.now()
            try:
                found = step.run(done)
            except OutOfTime:
                out.setdefault(step.title, []).append(price)
                continue
            except InputError as error:
                found = {"skipped": str(error)}
            seconds = clock.now() - began
            pace[step.kind] = max(seconds / step.price, 0.01)
            done[step.name] = found
            journal.add([Piece(index, step.name, round(seconds, 3), found)])
            told(f"{step.title}: {seconds:.1f} s, {max(clock.left, 0):.0f} s left")
    journal.close()
    return done, [_words(name, prices) for name, prices in out.items()]


def _words(name: str, prices: Sequence[float]) -> str:
    parts = f"{len(prices)} parts of " if len(prices) > 1 else ""
    return f"{parts}{name}: about {sum(prices):.0f} s more"
