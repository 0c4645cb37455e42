"""The beginning of every measurement: models and images brought together, and tried.

ready = prepare([bring("fashion-l2-1.5")], "fashion", limit=100, ball=L2(1.5))
ready.data                              # on the device of the first model, 100 images
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from robustlens.balls import Ball
from robustlens.data import Dataset
from robustlens.data.sources import unlabelled
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.evaluation.scale import check_scale
from robustlens.subject.classes import Matched, matched
from robustlens.subject.images import answered, choose, framed_for
from robustlens.subject.pixels import check_pixels
from robustlens.subject.subject import Subject
from robustlens.subject.trial import classes_of


class Prepared(NamedTuple):
    """Models, the images they are measured on, and what a person should know of both."""

    subjects: tuple[Subject, ...]
    data: Dataset
    notes: tuple[str, ...] = ()


def prepare(
    subjects: Sequence[Subject],
    source: str,
    *,
    split: str | None = None,
    size: int | None = None,
    limit: int = 0,
    ball: Ball | None = None,
) -> Prepared:
    """Return models and images that fit each other, the images on the first model's device.

    Args:
        source: a name of a data set, or a path.
        split: "train", "test" or "all"; default as `choose`.
        size: to which side pictures are cropped and resized; default: as the first model says.
        limit: so many images, alike from every class; 0: all.
        ball: what will be allowed, whose radius must be in the units of the images.

    Labels become the classes of the models (see `classes`), a model's own clean answers where
    pictures have none; whether a model reads pixels as it is given them is looked at (`pixels`).

    Warns:
        Doubtful: as `choose`, `matched` and `check_pixels`.

    Raises:
        InputError: as `choose` and `matched`; a limit that is not 0 to the number of images; a
            radius that holds every image.
    """
    data = choose(subjects, source, split=split, size=size)
    if not 0 <= limit <= len(data):
        what = f"--limit {limit} for the {len(data)} images of {data.name}"
        raise InputError(what, f"1 to {len(data)}, or 0 for all", "change --limit")
    first = subjects[0]
    data = framed_for(subjects, data.limited(limit), source, size)
    data = on_device_of(first.model, data)
    if ball is not None:
        check_scale(ball, data.shape)
    said = [f"{s.name}: {n}" if len(subjects) > 1 else n for s in subjects for n in s.notes]
    if unlabelled(source):
        data, note = answered(first, data)
        return Prepared(tuple(subjects), data, (*said, note))
    data, notes = _classes_alike(subjects, data)
    for subject in subjects:
        if not subject.card:  # else it was trained here, on pixels as they are
            check_pixels(subject.model, data)
    return Prepared(tuple(subjects), data, (*said, *notes))


def _classes_alike(subjects: Sequence[Subject], data: Dataset) -> Matched:
    """Return the data with the labels of the first model, which the others must agree with."""
    found = matched(data, subjects[0].classes, classes_of(subjects[0].model, data))
    for other in subjects[1:]:
        again = matched(found.data, other.classes, classes_of(other.model, data))
        if not torch.equal(again.data.labels, found.data.labels):
            raise InputError(
                f"{subjects[0].name} and {other.name}, which number the classes in other ways",
                "models of the same classes in the same order",
                "compare them one by one",
            )
    return found
