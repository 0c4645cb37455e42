"""`robustlens train | evaluate`, and `robustlens models list | show`."""

import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from torch import nn

from robustlens.ascend import value_and_gradient
from robustlens.balls import ball
from robustlens.cli.command import Answer, Build, Command, device
from robustlens.data import Dataset, batches
from robustlens.data import load as load_data
from robustlens.errors import InputError
from robustlens.evaluation import Evaluation, accuracy, on_device_of, pgd_accuracy
from robustlens.modes import frozen
from robustlens.nets import load, logits
from robustlens.nets.checkpoints import read
from robustlens.objectives import misclassify
from robustlens.progress import console
from robustlens.provenance import clock, command_line, provenance
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
        attacked = best["pgd_accuracy"]
        text = (
            f"{weights}\nepoch {best['epoch']} of {self.recipe.training.epochs}, on validation "
            f"images: clean accuracy {best['clean_accuracy']:.1%}"
            + (f", PGD accuracy {attacked:.1%}" if attacked is not None else "")
            + f"\nnext: {_next(self.recipe, weights)}"
        )
        return Answer({"weights": str(weights), **card}, text)


@dataclass(frozen=True, kw_only=True)
class Evaluate(Command):
    """Measure clean accuracy and PGD accuracy on the test images, with one record per image.

    PGD accuracy is an upper bound of robust accuracy: a stronger attack may leave less.

    Example: robustlens evaluate --weights w.safetensors --data fashion --norm l2 --eps 1.5

    Your own: robustlens evaluate --model my_pkg:build --weights w.safetensors --data ./images
    """

    data: str  # a name from "robustlens data list", or a path
    weights: Path | None = None  # a .safetensors file
    model: str | None = None  # module:function that returns your torch model, for [0, 1] images
    size: int | None = None  # crop and resize images of different sizes to this side
    split: str = "test"  # train or test
    images: int = 0  # this many, alike from every class; 0: all
    norm: str = "l2"  # linf, l2 or l1
    eps: str = "0.5"  # radius in [0, 1] units, as 0.5 or 8/255
    steps: int = 20
    restarts: int = 1
    seed: int = 0
    batch_size: int = 250
    records: Path | None = None  # write one JSON line per image here
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> Answer:
        """Measure it."""
        within = ball(self.norm, self.eps)
        if self.batch_size < 1:
            raise InputError(f"batch size {self.batch_size}", "at least 1", "change --batch-size")
        model = self._model()
        data = on_device_of(model, load_data(self.data, self.split, size=self.size))
        data = data.take(self.images) if self.images else data
        _probe(model, data)
        with clock() as seconds:
            clean = accuracy(model, data, batch_size=self.batch_size)
            attacked = pgd_accuracy(
                model,
                data,
                within,
                steps=self.steps,
                restarts=self.restarts,
                seed=self.seed,
                batch_size=self.batch_size,
            )
        if self.records is not None:
            attacked.write(self.records)
        origin = provenance(
            command_line("robustlens", *sys.argv[1:]),
            {k: str(v) for k, v in asdict(self).items()},
            seed=self.seed,
            seconds=seconds(),
            data={data.name: data.digest},
            device=data.images.device,
        )
        rates = {e.name: e.rate._asdict() for e in (clean, attacked)}
        payload = {"numbers": rates, "provenance": origin.as_dict()}
        return Answer(payload, _table(data.name, (clean, attacked), origin.seconds))

    def _model(self) -> nn.Module:
        if self.weights is None and self.model is None:
            raise InputError("neither --weights nor --model", "at least one of them")
        built = None if self.model is None else _imported(self.model)
        if self.weights is None:
            assert built is not None
            model = built.eval()
        else:
            model = load(self.weights, into=built).model
        return model.to(device(self.device))


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


def _imported(path: str) -> nn.Module:
    """Return what `module:function` builds; modules of the working folder are found too."""
    module, _, function = path.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        model = getattr(importlib.import_module(module), function)()
    except Exception as error:  # it is someone's code: it may raise anything
        raise InputError(
            f"--model {path}: {error}", "module:function that returns a torch.nn.Module"
        ) from error
    finally:
        sys.path.pop(0)
    if not isinstance(model, nn.Module):
        raise InputError(f"--model {path} gives a {type(model).__name__}", "a torch.nn.Module")
    return model


def _probe(model: nn.Module, data: Dataset) -> None:
    """Try one image forwards and backwards, so that a misfit is said before the work, in words."""
    x, y = next(batches(data, 1))
    try:
        with frozen(model):
            classes = logits(model, x).shape[1]
            gradient = value_and_gradient(misclassify(model, y.clamp(max=classes - 1)), x)[1]
    except InputError:
        raise
    except Exception as error:  # it is someone's code: it may raise anything
        raise InputError(
            f"the model fails on images of shape {data.shape}: {str(error).splitlines()[0]}",
            "a differentiable model, and images like those it was made for",
            "change --data or --model",
        ) from error
    if classes != len(data.classes):
        raise InputError(
            f"a model with {classes} classes for data with {len(data.classes)}",
            "the same number, in the same order",
            "change --data or --model",
        )
    if not gradient.any():
        console.print(
            "robustlens: warning: the gradient at the first image is zero everywhere. PGD follows "
            "gradients, so its accuracy may say nothing about this model.",
            highlight=False,
            soft_wrap=True,
        )


def _table(data: str, results: tuple[Evaluation, ...], seconds: float) -> str:
    n = results[0].rate.n
    rows = "\n".join(f"  {result.name}: {result.rate}" for result in results)
    return f"{data}, {n} images, 95 % intervals, {seconds:.0f} s\n{rows}"


def _short(validation: Mapping[str, Any]) -> str:
    clean, attacked = validation.get("clean_accuracy"), validation.get("pgd_accuracy")
    words = [] if clean is None else [f"clean {clean:.1%}"]
    return ", ".join(words + ([] if attacked is None else [f"PGD {attacked:.1%}"]))
