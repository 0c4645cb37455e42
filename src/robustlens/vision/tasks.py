"""The tools as tasks of the registry: each shown on packaged images, with a packaged net.

    run(TASKS["inpaint"], "quick", Inpaint(), folder="runs").figures
    # on the command line: robustlens run inpaint --preset quick

On pictures of people the same forms are the commands `robustlens make`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from robustlens.data import Dataset, load
from robustlens.data.augment import unit
from robustlens.pictures import Cell, Gallery
from robustlens.registry import Bench, Findings, Task, register
from robustlens.result import Number
from robustlens.vision.forms import FORMS, Form
from robustlens.vision.makers import make
from robustlens.vision.outcome import Given, Outcome
from robustlens.vision.painter import Painter
from robustlens.vision.seeds import Seeds
from robustlens.vision.settings import Sensitivity, Upscale
from robustlens.zoo import pretrained
from robustlens.zoo.seeds import seeds_of

MODEL = "fashion-l2-1.5"
SHOWN = (0, 1, 2, 4)
"""Test images of Fashion-MNIST: an ankle boot, a pullover, a pair of trousers, a shirt."""


def shown(form: Form) -> Callable[[Any, Bench], Findings]:
    """Return the function of a task: what a tool makes of four packaged images."""

    def function(config: Any, bench: Bench) -> Findings:
        found = pretrained(MODEL)
        painter = Painter.of(
            found.model.to(bench.device),
            found.card,
            MODEL,
            seeds=lambda: Seeds.load(seeds_of(found.card)),
        )
        data = load("fashion", "test")
        given, config = _given(form, painter, config, data)
        outcome = make(form.id, painter, config, given)
        numbers = {
            f"{name}, mean of {len(values)}": Number.exact(float(values.mean()))
            for name, values in outcome.numbers.items()
        }
        summary = f"{form.title}, by {MODEL}: {outcome.said}."
        figures = (_gallery(form, outcome),)
        return Findings(None, summary, numbers, figures, config.seed, {data.name: data.digest})

    return function


def _given(form: Form, painter: Painter, config: Any, data: Dataset) -> tuple[Given, Any]:
    """Return pictures of the kinds that a form takes, and the config with a class where it must."""
    rows = torch.tensor(SHOWN)
    if isinstance(config, Sensitivity) and not config.truth:
        first = data.subset(torch.arange(500))
        answers = painter.decided(unit(first.images).to(painter.device)).cpu()
        rows = torch.nonzero(answers != first.labels).flatten()[:1]
        config = replace(config, truth=data.classes[int(data.labels[rows[0]])])
    x = unit(data.images[rows]).to(painter.device)
    if isinstance(config, Upscale):
        x = torch.nn.functional.avg_pool2d(x, 2)
    mask = torch.zeros(x.shape[2:], dtype=torch.bool)
    mask[8:18, 8:18] = True
    return Given(
        x if form.takes("image") else None,
        x.flip(0) if form.id == "interpolate" else None,
        mask if form.takes("mask") else None,
    ), config


def _gallery(form: Form, outcome: Outcome) -> Gallery:
    """Return a picture with a row for each image: where it began, and what came of it."""
    made, points = outcome.made, outcome.points
    rows = tuple(
        (Cell(made.start[k]), *(Cell(image) for image in made.images[k : k + points]))
        for k in range(0, len(made.images), points)
    )
    columns = ("start", *(["result"] if points == 1 else map(str, range(1, points + 1))))
    return Gallery(form.id, f"{form.about} {outcome.said}.", columns, rows)


TASKS: Mapping[str, Task] = {
    form.id: register(
        Task(
            id=form.id,
            title=form.title,
            presets={"tiny": replace(form.shown, steps=5), "quick": form.shown},
            function=shown(form),
        )
    )
    for form in FORMS.values()
}
"""The tools by id."""
