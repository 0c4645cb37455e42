"""The beginning of every measurement: models and images brought together, and tried.

ready = prepare([bring("fashion-l2-1.5")], "fashion", limit=100, ball=L2(1.5))
ready.data                              # on the device of the first model, 100 images
"""

from collections.abc import Sequence
from typing import NamedTuple

from robustlens.balls import Ball
from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.evaluation.scale import check_scale
from robustlens.subject.images import choose
from robustlens.subject.subject import Subject


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
        size: to which side pictures of different sizes are cropped and resized.
        limit: so many images, alike from every class; 0: all.
        ball: what will be allowed, whose radius must be in the units of the images.

    Raises:
        InputError: as `choose`; a limit that is not 0 to the number of images; a radius that
            holds every image.
    """
    data = choose(subjects, source, split=split, size=size)
    if not 0 <= limit <= len(data):
        what = f"--limit {limit} for the {len(data)} images of {data.name}"
        raise InputError(what, f"1 to {len(data)}, or 0 for all", "change --limit")
    data = on_device_of(subjects[0].model, data.limited(limit))
    if ball is not None:
        check_scale(ball, data.shape)
    return Prepared(tuple(subjects), data, tuple(n for s in subjects for n in s.notes))
