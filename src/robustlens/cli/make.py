"""`robustlens make`: pictures of people's files, by the tools of `vision`."""

import sys
from dataclasses import asdict, fields
from pathlib import Path

import torch

from robustlens.cli.command import Answer, device
from robustlens.cli.flags.make import Make, SeedsMake
from robustlens.data import load
from robustlens.data.pictures import look
from robustlens.errors import InputError
from robustlens.fetch import Digest
from robustlens.files import as_path
from robustlens.progress import bar, within
from robustlens.provenance import clock, command_line, provenance
from robustlens.subject import bring
from robustlens.subject.tracing import theirs
from robustlens.vision.outcome import Outcome
from robustlens.vision.painter import Painter
from robustlens.vision.photo import (
    MOVING,
    WRITTEN,
    Photo,
    check_suffix,
    read_mask,
    read_photo,
    save_picture,
    save_walk,
)
from robustlens.vision.seeds import Seeds
from robustlens.vision.studio import Done, Work
from robustlens.zoo.choice import for_pictures
from robustlens.zoo.seeds import seeds_of

OWN = 256
"""Pixels a side up to which a picture is taken to be of the size of somebody's own model."""


def made(command: Make) -> Answer:
    """Make what a command asks for, write it, and say what was done."""
    failed = f"the model {command.model or command.weights} fails on these pictures"
    with clock() as seconds:
        ask = command.form.settings(
            **{one.name: getattr(command, one.name) for one in fields(command.form.settings)}
        )
        out = _out(command)
        with theirs(failed):
            painter, chosen = _painter(command)
        image, second = (_photo(command, name, painter) for name in ("image", "second"))
        mask, notes = _mask(command, image)
        work = Work(
            command.form, painter, ask,
            tiles=getattr(command, "tiles", False), moving=command.gif is not None,
        )  # fmt: skip
        title = f"make {command.form.id}"
        with theirs(failed), bar(title, 1.0) as advance, within(advance, 1.0) as left:
            done = work.done(image, second, mask)
            advance(left())
        files = _written(done, out, command.gif)
    notes = [*(image.notes if image else ()), *notes, *chosen]
    return _answer(command, painter, done, files, notes, seconds())


def fitted(command: SeedsMake) -> Answer:
    """Fit seeds to the training images of a data set, and write them."""
    if command.out.suffix != ".safetensors":
        raise InputError(f"--out {command.out}", "a name that ends in .safetensors", "change --out")
    data = load(command.data, "train", size=command.size)
    seeds = Seeds.fit(data, rank=command.rank, down=command.down, images=command.images)
    seeds.save(command.out)
    size = command.out.stat().st_size
    digest = Digest("sha256", "").of(command.out)
    text = (
        f"seeds of {len(seeds.classes)} classes, from {command.images} images each at most, "
        f"{command.rank} directions\n{command.out}: {size / 1000:.0f} kB, {digest}"
    )
    payload = {"seeds": str(command.out), "bytes": size, "digest": str(digest), **seeds.about}
    return Answer({**payload, "classes": seeds.classes}, text)


def _painter(command: Make) -> tuple[Painter, list[str]]:
    """Return the painter that was named, or one that fits, and words where it was chosen here."""
    name, chosen = command.model, []
    if name is None and command.weights is None:
        wanted = [getattr(command, key, "") for key in ("label", "to", "first", "truth")]
        name = for_pictures([word for word in wanted if word], grey=_grey(command))
        chosen = [f"--model {name}, chosen for it"]
    found = bring(name, weights=command.weights, device=device(command.device))
    called = name or str(command.weights)
    given = getattr(command, "seeds", None)
    size = command.size
    if given is not None:
        seeds = Seeds.load(given)
        size = size or (None if "architecture" in found.card else seeds.size[0])
        return Painter.of(found.model, found.card, called, size=size, seeds=lambda: seeds), chosen
    known = "recipe" in found.card
    begin = (lambda: Seeds.load(seeds_of(found.card))) if known else None
    if size is None and "architecture" not in found.card:
        size = _own_size(command)
    return Painter.of(found.model, found.card, called, size=size, seeds=begin), chosen


def _own_size(command: Make) -> int | None:
    """Return the shorter side of a picture that a model without a card may take as it is."""
    path = getattr(command, "image", None)
    side = 0 if path is None else min(look(path).size)
    return side if 0 < side <= OWN else None


def _grey(command: Make) -> bool | None:
    """Say whether the picture has no colours; None where there is none."""
    path = getattr(command, "image", None)
    return None if path is None else look(path).grey


def _photo(command: Make, name: str, painter: Painter) -> Photo | None:
    path = getattr(command, name, None)
    return None if path is None else read_photo(path, grey=painter.shape[0] == 1)


def _mask(command: Make, image: Photo | None) -> tuple[torch.Tensor | None, list[str]]:
    """Return the mask that was given, or where a picture to be filled is transparent."""
    path = getattr(command, "mask", None)
    if image is None or not command.form.takes("mask"):
        return None, []
    if path is not None:
        return read_mask(path, image), []
    if command.form.back == "hole" and image.clear is not None:
        return image.clear, ["filled where it is transparent"]
    return None, []


def _out(command: Make) -> Path:
    """Return where the picture goes; refuse what could not be written before the work is done.

    Raises:
        UnknownName: a suffix of no picture, or of no animation.
        InputError: it would take the place of a picture that was given.
    """
    path = getattr(command, "image", None)
    stem = command.form.id if path is None else f"{path.stem}-{command.form.id}"
    out = as_path(command.out) if command.out is not None else Path(f"{stem}.png")
    if out.suffix and not out.is_dir():
        check_suffix(out, WRITTEN)
    elif path is not None and command.form.back != "row":
        out = out / f"{stem}.png"  # one picture, into a folder
    if command.gif is not None:
        check_suffix(command.gif, MOVING)
    given = [p for key in ("image", "second", "mask") if (p := getattr(command, key, None))]
    for target in (out, command.gif):
        if target is not None and any(target.resolve() == p.resolve() for p in given):
            raise InputError(
                f"{target}, which is a picture that was given", "another name", "change --out"
            )
    if command.gif is not None and command.gif.resolve() == out.resolve():
        raise InputError(f"{out} for both the picture and the walk", "two names", "change --gif")
    return out


def _written(done: Done, out: Path, gif: Path | None) -> list[Path]:
    """Write the picture, or into a folder each picture, and the walk; return the files."""
    files = [out]
    if out.suffix and not out.is_dir():
        save_picture(done.picture, out)
    else:
        width = len(str(len(done.parts)))
        files = [out / f"{k:0{width}}.png" for k in range(1, len(done.parts) + 1)]
        for part, path in zip(done.parts, files, strict=True):
            save_picture(part, path)
    if gif is not None:
        save_walk(done.walk, gif)
        files.append(gif)
    return files


def _answer(
    command: Make, painter: Painter, done: Done, files: list[Path], notes: list[str], seconds: float
) -> Answer:
    """Return what was done: in two lines, or all of it as an object."""
    origin = provenance(
        command_line("robustlens", *sys.argv[1:]),
        {key: str(value) for key, value in asdict(command).items()},
        seed=command.seed,  # type: ignore[attr-defined]
        seconds=seconds,
        data={},
        device=painter.device,
    )
    outcome: Outcome = done.outcome
    payload = {
        "tool": command.form.id,
        "model": painter.name,
        "said": outcome.said,
        "pixels": done.how,
        "notes": notes,
        "numbers": {name: values.tolist() for name, values in outcome.numbers.items()},
        "settings": dict(outcome.made.settings),
        "files": [str(file) for file in files],
        "provenance": origin.as_dict(),
    }
    more = "".join(f"; {note}" for note in notes)
    shown = files if len(files) < 4 else [files[0], "...", files[-1]]
    text = (
        f"{command.form.id} by {painter.name}, {outcome.said}, {seconds:.1f} s\n"
        f"{' '.join(map(str, shown))}: {done.how}{more}"
    )
    return Answer(payload, text)
