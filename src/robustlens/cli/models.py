"""`robustlens train`, and `robustlens models list | show`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from robustlens.cli.command import Answer, Build, Command, device
from robustlens.nets.checkpoints import read
from robustlens.provenance import command_line
from robustlens.recipes import Recipe, fit


@dataclass(frozen=True, kw_only=True)
class Train(Command):
    """Train a model by a recipe; the same command continues a training that was stopped.

    The epoch that does best on validation images, cut from the training set, is kept.

    Example: robustlens train --data fashion --loss adversarial --norm l2 --eps 1.5 --epochs 12
    """

    recipe: Recipe = field(default_factory=Recipe)
    out: Path = Path("runs/models")  # the model gets a folder of its own in here
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> Answer:
        """Train it, or find it trained."""
        _, card = fit(self.recipe, self.out, device(self.device))
        weights = self.out / self.recipe.name / "weights.safetensors"
        best = card["validation"]
        text = (
            f"{weights}\nepoch {best['epoch']} of {self.recipe.training.epochs}, on validation "
            f"images: {_short(best) or 'none were set aside'}"
            f"\nnext: {_next(self.recipe, weights)}"
        )
        return Answer({"weights": str(weights), **card}, text)


@dataclass(frozen=True, kw_only=True)
class ModelsHelp(Command):
    """Trained models: robustlens models list | show (robustlens models --help).

    Example: robustlens models list
    """

    def run(self) -> Answer:
        """List the models in the usual folder."""
        return ModelsList().run()


@dataclass(frozen=True, kw_only=True)
class ModelsList(Command):
    """List the models that were trained into a folder.

    Example: robustlens models list --folder runs/models
    """

    folder: Path = Path("runs/models")

    def run(self) -> Answer:
        """List them."""
        found = [
            {"path": str(path), "validation": read(path)[1].get("validation", {})}
            for path in sorted(self.folder.glob("*/weights.safetensors"))
        ]
        lines = [f"{row['path']}  {_short(row['validation'])}" for row in found]
        nothing = f"no models in {self.folder}; robustlens train makes one"
        return Answer({"models": found}, "\n".join(lines) or nothing)


@dataclass(frozen=True, kw_only=True)
class ModelsShow(Command):
    """Show the card of a checkpoint: architecture, recipe, data digest, metrics, versions.

    Example: robustlens models show runs/models/NAME/weights.safetensors
    """

    path: Annotated[Path, tyro.conf.Positional]

    def run(self) -> Answer:
        """Show it."""
        _, card = read(self.path)
        return Answer(card, json.dumps(card, indent=2))


MODELS: Mapping[str, Build] = {"list": ModelsList, "show": ModelsShow}


def _next(recipe: Recipe, weights: Path) -> str:
    """Return the command that measures a model where it was trained."""
    words = ["evaluate", "--weights", weights, "--data", recipe.data]
    words += ["--norm", recipe.norm, "--eps", recipe.eps]
    return command_line("robustlens", *words, *(["--size", recipe.size] if recipe.size else []))


def _short(validation: Mapping[str, Any]) -> str:
    clean, attacked = validation.get("clean_accuracy"), validation.get("pgd_accuracy")
    words = [] if clean is None else [f"clean accuracy {clean:.1%}"]
    return ", ".join(words + ([] if attacked is None else [f"PGD accuracy {attacked:.1%}"]))
