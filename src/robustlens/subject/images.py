"""The images that models are measured on: which of them, and of what size.

data = choose([subject], "./photos")            # all of a folder without splits
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from robustlens.answers import Answers, decision
from robustlens.data import Dataset, batches, load
from robustlens.data.framing import Framing, Size
from robustlens.data.holdout import piece
from robustlens.data.sources import (
    framed_images,
    load_unlabelled,
    measured_split,
    pictured,
    splits,
    unlabelled,
)
from robustlens.doubts import doubt, untouched
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.subject.subject import Subject
from robustlens.subject.trial import classes_of

BATCH = 100
"""Images asked about at once."""


def choose(
    subjects: Sequence[Subject],
    source: str,
    *,
    split: str | None = None,
    size: int | None = None,
) -> Dataset:
    """Return the images of a split; of none given, "test", or "all" where data have no splits.

    Where a model's card says that it was trained on "train" of these very images, "test" is taken,
    the fifth that training left out. Without a `size`, pictures are brought to the size that the
    first model says it reads. Pictures without labels are all of one class.

    Warns:
        Doubtful: a model is shown what it was trained on.

    Raises:
        InputError: as `data.load`.
    """
    framing = framing_among(subjects)
    how: Size = _sized(framing, size) if size else framing
    if unlabelled(source):
        if split not in (None, "all"):
            raise InputError(
                f"--split {split} for {source}, whose pictures lie in no class folders",
                "all of them",
                "drop --split",
            )
        return load_unlabelled(source, size=how)
    chosen = measured_split(source) if split is None else split
    data = load(source, chosen, size=how if size or pictured(source) else None)
    if chosen == "all" and not splits(source) and any(_trained_on(data, s.card) for s in subjects):
        if split is None:
            data = piece(data, "test")
        else:
            doubt(f"a model is shown images of {data.name} that it was trained on")
    return data


def framing_among(subjects: Sequence[Subject]) -> Framing | None:
    """Return the size and crop that the first model asks for that asks for any."""
    return next((s.framing for s in subjects if s.framing is not None), None)


def framed_for(
    subjects: Sequence[Subject], data: Dataset, source: str, size: int | None
) -> Dataset:
    """Return data in the frame that the first model asks for, where reading has not done it.

    Pictures of files are framed as they are read, and a `size` says another frame.
    """
    framing = framing_among(subjects)
    return data if framing is None or size or pictured(source) else framed_images(data, framing)


def answered(subject: Subject, data: Dataset) -> tuple[Dataset, str]:
    """Return pictures without labels, labelled by a model's own answers, and a note that says so.

    Raises `InputError` where the model has no answer to one of them.
    """
    classes = classes_of(subject.model, data)
    first, _ = next(batches(data, 1))
    with torch.no_grad(), frozen(subject.model), untouched(subject.model, first):
        ask = Answers(subject.model)
        labels = torch.cat([decision(ask(x)) for x, _ in batches(data, BATCH)])
    if lost := int((labels < 0).sum()):
        raise InputError(
            f"{lost} of {len(data)} pictures without labels, to which the model has no answer",
            "finite logits",
            "leave them out, or give labels: one folder for each class, or a CSV",
        )
    names = subject.classes or tuple(map(str, range(classes)))
    note = (
        f"{data.name} has no labels: the clean answers of {subject.name} stand in for them, so its "
        "clean accuracy is 100 % by definition"
    )
    return replace(data, labels=labels.to(data.labels.device), classes=names), note


def _sized(framing: Framing | None, size: int) -> Size:
    """Return a size that is asked for, in the colours that a model reads."""
    if framing is None or framing.channels is None:
        return size
    return Framing(size, size, channels=framing.channels)


def _trained_on(whole: Dataset, card: Mapping[str, Any]) -> bool:
    """Say whether the card is of a model trained on these images, or on "train" of them."""
    recipe = card.get("recipe")  # where it is one of ours, and not someone's words
    first = recipe.get("images", 0) if isinstance(recipe, dict) else 0
    if "data" not in card:
        return False
    try:
        parts = [whole, piece(whole, "train")]
    except InputError:  # too few to cut
        parts = [whole]
    taken = [part.take(first) if 0 < first < len(part) else part for part in parts]
    return any(part.digest == card["data"] for part in taken)
