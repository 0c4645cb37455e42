"""`robustlens shift`: how far one folder of images lies from another, in what a net sees."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from robustlens.cli.command import Answer, device, origin
from robustlens.cli.flags import shift as flags
from robustlens.data import SOURCES, Dataset
from robustlens.data.augment import unit
from robustlens.data.dataset import Piece
from robustlens.data.listing import flat, listings, readable
from robustlens.data.sources import unlabelled
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.files import write_json
from robustlens.pictures import Cell, Gallery
from robustlens.provenance import clock
from robustlens.rate import Rate
from robustlens.shift import Permuted, away, own_distance, permutation_test, scaled, told_apart
from robustlens.streams import stream
from robustlens.subject import Subject, bring, choose
from robustlens.subject.images import framed_for
from robustlens.subject.trial import classes_of
from robustlens.usefulness.reading import represented
from robustlens.vision.measures import nearest

LEAST = 8
"""Images of each folder, below which nothing can be told."""
OWN = 0.95
"""An image is far where it is farther from A than this share of A's own images are."""
ALPHA = 0.05


class Images(NamedTuple):
    """Images of one folder, and what each is called."""

    data: Dataset
    names: tuple[str, ...]
    whole: int  # of these many


class Measured(NamedTuple):
    """How far B lies from A."""

    apart: Rate
    kernel: Permuted
    far: Rate
    distance: Tensor  # (m,): of each image of B from the nearest of A
    place: Tensor  # (m,): that nearest image


class Shift(flags.Shift):
    """`robustlens shift`, at work."""

    def run(self) -> Answer:
        """Measure it."""
        self._check()
        subject = bring(self.model, weights=self.weights, device=device(self.device))
        with clock() as seconds:
            sets = [self._read(subject, source, k) for k, source in enumerate((self.a, self.b))]
            a, b = (one.data for one in sets)
            if a.shape != b.shape:
                raise InputError(
                    f"images of shape {a.shape} in {self.a} and {b.shape} in {self.b}",
                    "images of one size, all grey or all in colour",
                    "give --size, or convert one of them",
                )
            classes_of(subject.model, a)  # a misfit is said in words
            found = measure(
                *(represented(subject.model, one, self.layer) for one in (a, b)),
                permutations=self.permutations,
                seed=self.seed,
            )
        order = found.distance.argsort(descending=True, stable=True)[: self.moved]
        moved = moved_most(found, sets, order.tolist())
        where = origin(self, a, self.seed, seconds())
        second = b.name if b.name != a.name else f"{b.name} (B)"
        where = replace(where, data={**where.data, second: b.digest})
        notes = [*subject.notes, *shared(a, b)]
        payload = {
            "models": [subject.as_dict()],
            "a": _described(self.a, sets[0]),
            "b": _described(self.b, sets[1]),
            "layer": self.layer,
            "numbers": numbers(found),
            "moved": moved,
            "notes": notes,
            "sentence": sentence(found),
            "provenance": where.as_dict(),
        }
        lines = _lines(self, f"{subject.name}, 95 % intervals, {where.seconds:.0f} s", sets, notes)
        lines += _found(found, moved, self.permutations)
        if self.out is not None:
            from robustlens.figures import save_pictures

            save_pictures([gallery(found, sets, order.tolist())], self.out)
            write_json(self.out / "result.json", payload)
            lines.append(f"  {self.out}: moved-most-light.png, moved-most-dark.png, result.json")
        return Answer(payload, "\n".join(lines))

    def _check(self) -> None:
        for name, least in (("limit", LEAST), ("permutations", 19), ("moved", 1)):
            if getattr(self, name) < least:
                raise InputError(
                    f"--{name} {getattr(self, name)}", f"at least {least}", f"change --{name}"
                )
        if self.out is not None and self.out.exists() and any(self.out.iterdir()):
            raise InputError(f"{self.out} is not empty", "a new folder", "change --out")

    def _read(self, subject: Subject, source: str, k: int) -> Images:
        data = choose([subject], source, split=self.split, size=self.size)
        data = framed_for([subject], data, source, self.size)
        if len(data) < LEAST:
            raise InputError(
                f"{len(data)} images in {source}", f"at least {LEAST}", "use more images"
            )
        names = file_names(source, len(data))
        whole = len(data)
        if whole > self.limit:
            draw = torch.randperm(whole, generator=stream(self.seed, "images", k))[: self.limit]
            kept = draw.sort().values
            data, names = data.subset(kept), tuple(names[i] for i in kept.tolist())
        return Images(on_device_of(subject.model, data), names, whole)


def measure(a: Tensor, b: Tensor, *, permutations: int = 999, seed: int = 0) -> Measured:
    """Return how far representations b (m, f) lie from a (n, f)."""
    a, b = (r.cpu() for r in scaled(a, b))
    apart = told_apart(a, b, generator=stream(seed, "two samples"))
    kernel = permutation_test(
        a, b, permutations=permutations, generator=stream(seed, "permutations")
    )
    distance = away(a, b)
    limit = own_distance(a).quantile(OWN)
    place = nearest(b, a).place[:, 0]
    return Measured(apart, kernel, Rate.of(distance > limit), distance, place)


def sentence(found: Measured) -> str:
    """Say in words what the numbers say."""
    p = f"p = {found.kernel.p:.3g}"
    if found.kernel.p > ALPHA:
        return (
            f"This net sees no difference between B and A that chance does not explain ({p}): "
            "either there is none, or it is blind to it, or there are too few images."
        )
    if found.apart.low <= 0.5:
        return (
            f"B differs from A in what this net sees ({p}), but so little that one image does not "
            f"tell which folder it is of ({found.apart} right, 50 % is a guess)."
        )
    return (
        f"B differs from A in what this net sees ({p}): one image tells which folder it is of "
        f"{found.apart} of the time (50 % is a guess)."
    )


def numbers(found: Measured) -> dict[str, dict[str, Any]]:
    """Return the numbers with their intervals, for JSON."""
    return {
        "two-sample accuracy": found.apart._asdict(),
        "kernel distance": {**found.kernel.distance._asdict(), "p": found.kernel.p},
        "share of B far from A": found.far._asdict(),
    }


def moved_most(
    found: Measured, sets: Sequence[Images], order: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the images of B that lie farthest from A, the farthest first, with their nearest."""
    return [
        {
            "image": sets[1].names[i],
            "distance": float(found.distance[i]),
            "nearest": sets[0].names[int(found.place[i])],
        }
        for i in order
    ]


def gallery(found: Measured, sets: Sequence[Images], order: Sequence[int]) -> Gallery:
    """Return these images of B, each above its nearest image of A."""
    mine, theirs = (unit(one.data.images.cpu()) for one in sets)
    above = [Cell(theirs[i], f"{found.distance[i]:.3g}", "bad") for i in order]
    below = [Cell(mine[int(found.place[i])], "nearest in A") for i in order]
    return Gallery(
        "moved-most",
        "Above: the images of B that lie farthest from A in this net's representation, with their "
        "distance from the nearest image of A. Below: that image.",
        ("",) * len(order),
        (tuple(above), tuple(below)),
    )


def file_names(source: str, n: int) -> tuple[str, ...]:
    """Return what the n images that were read are called: their files, or their numbers."""
    folder = Path(source).expanduser()
    if source not in SOURCES and folder.is_dir():
        try:
            paths = (
                flat(folder, Counter())
                if unlabelled(source)
                else [p for one in listings(folder, Counter()).values() for p in one.paths]
            )
        except InputError:  # a saved set, or another kind of folder
            paths = []
        if len(paths) == n:
            return tuple(readable(str(path.relative_to(folder))) for path in paths)
    return tuple(f"image {k}" for k in range(n))


def _described(source: str, one: Images) -> dict[str, Any]:
    piece = one.data.piece or Piece("all", one.whole, one.whole)
    return {
        "source": source,
        "name": one.data.name,
        "split": piece.split,
        "n": len(one.data),
        "images of the split": one.whole,
        "resized": one.data.reading.resized,
        "digest": one.data.digest,
    }


def shared(a: Dataset, b: Dataset) -> list[str]:
    """Return a sentence where images of B are in A too: the two are then not independent."""
    mine = {image.numpy().tobytes() for image in a.images.cpu()}
    count = sum(image.numpy().tobytes() in mine for image in b.images.cpu())
    said = f"{count} images of B are in A too: p and intervals are for images of their own"
    return [said] if count else []


def _lines(command: Shift, head: str, sets: Sequence[Images], notes: Sequence[str]) -> list[str]:
    lines = [head]
    for letter, source, one in zip("AB", (command.a, command.b), sets, strict=True):
        resized = f", {one.data.reading.resized}" * bool(one.data.reading.resized)
        lines.append(f"  {letter}: {source}, {len(one.data)} of {one.whole} images{resized}")
    return lines + [f"  note: {note}" for note in notes]


def _found(found: Measured, moved: Sequence[dict[str, Any]], permutations: int) -> list[str]:
    kernel = found.kernel
    return [
        sentence(found),
        f"  two-sample accuracy: {found.apart}, on {found.apart.n} images not fitted; chance 50 %",
        f"  kernel distance: {kernel.distance}, p = {kernel.p:.3g} of {permutations} permutations",
        f"  far from A: {found.far} of B's images (of A's own, {1 - OWN:.0%} are as far from "
        "their nearest)",
        "  moved most, with the distance from the nearest of A:",
        *(f"    {one['image']}  {one['distance']:.3g}  from {one['nearest']}" for one in moved),
    ]
