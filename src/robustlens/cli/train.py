"""`robustlens train`, by flags, by a recipe with a name, or by both; `robustlens recipes`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import cleandoc
from pathlib import Path

import torch
import tyro

from robustlens.cli.command import NUMBERS, Answer, columns, device
from robustlens.cli.flags import train as flags
from robustlens.cli.images import described, heading
from robustlens.data import Dataset
from robustlens.data.sources import splits
from robustlens.errors import InputError
from robustlens.progress import lasting
from robustlens.provenance import command_line, hardware
from robustlens.recipes import Recipe, Rehearsal, fit, named, recipe_names, rehearse


@dataclass(frozen=True, kw_only=True)
class Train(flags.Train):
    """`robustlens train`, at work; what the recipe says are flags too."""

    recipe: Recipe = field(default_factory=Recipe)

    @classmethod
    def parse(cls, words: Sequence[str]) -> "Train":
        """Return the command of the words after "train": flags change what --recipe says."""
        early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        early.add_argument("--recipe", default="")
        try:
            start = str(early.parse_known_args(list(words))[0].recipe)
        except argparse.ArgumentError:
            raise InputError("--recipe without a name", "a name or a .toml file") from None
        return tyro.cli(
            cls,
            default=cls(start=start, recipe=named(start).recipe if start else Recipe()),
            args=list(words),
            prog="robustlens train",
            description=cleandoc(flags.Train.__doc__ or ""),
            config=(tyro.conf.OmitArgPrefixes,),
            registry=NUMBERS,
        )

    def run(self) -> Answer:
        """Train it, or find it trained; or only rehearse."""
        where = device(self.device)
        if self.recipe.weights:
            raise InputError("weights, for a training", "none: it begins anew", "drop --weights")
        if self.dry_run:
            return _rehearsed(rehearse(self.recipe, where), where)
        _, card = fit(self.recipe, self.out, where)
        weights = self.out / self.recipe.name / "weights.safetensors"
        best = card.validation
        assert best is not None, "`fit` says which epoch it took"
        own = None if splits(self.recipe.data) else self.recipe.dataset()
        held = "" if own is None else f"{heading(own)}\n"
        text = (
            f"{held}{weights}\n"
            f"epoch {best.epoch} of {self.recipe.training.epochs}, on validation "
            f"images: {best.short or 'none were set aside'}"
            f"\nnext: {_next(self.recipe, weights, own)}"
        )
        images = {} if own is None else {"images": described(own)}
        return Answer({"weights": str(weights), **images, **card}, text)


class Recipes(flags.Recipes):
    """`robustlens recipes`, at work."""

    def run(self) -> Answer:
        """List them, those for a processor first."""
        ours = sorted(map(named, recipe_names()), key=lambda entry: (entry.fits[:3], entry.name))
        rows = [
            {"name": n.name, "fits": n.fits, "recipe": n.recipe.as_dict(), "same": n.recipe.command}
            for n in ours
        ]
        heads = ("name", "data", "net", "loss", "fits")
        lines = columns(heads, [(n.name, n.recipe.data, n.net, n.loss, n.fits) for n in ours])
        foot = (
            "robustlens train --recipe NAME trains one; with --dry-run it says how long that takes"
        )
        return Answer({"recipes": rows}, "\n".join([*lines, "", foot]))


def _rehearsed(found: Rehearsal, where: torch.device) -> Answer:
    lines = [
        f"{found.seconds:.2g} s for a step of {found.images} images on {hardware(where)}",
        f"about {lasting(found.estimate)} for {found.steps:,} steps of {found.batch} images; "
        "validation comes on top",
        "nothing was written",
    ]
    if found.absent:
        lines.insert(0, f"made-up images: {found.absent}")
    return Answer({**found._asdict(), "estimate": found.estimate}, "\n".join(lines))


def _next(recipe: Recipe, weights: Path, own: Dataset | None) -> str:
    """Return the command that measures a model where it was trained, on what was held out."""
    words = ["evaluate", "--weights", weights, "--data", recipe.data]
    words += ["--norm", recipe.norm, "--eps", recipe.eps]
    words += ["--size", recipe.size] if recipe.size else []
    cut = own is not None and described(own)["held out"] > 0
    return command_line("robustlens", *words, *(["--split", "test"] if cut else []))
