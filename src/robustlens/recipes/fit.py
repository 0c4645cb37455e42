"""Following a recipe: train the model, or take up what was trained."""

from pathlib import Path

import torch
from torch import nn

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path
from robustlens.nets import Checkpoint, load, save
from robustlens.nets.checkpoints import exists
from robustlens.processes import gathered, main_process
from robustlens.provenance import clock, provenance
from robustlens.recipes.recipe import ATTACKED, LOSSES, Recipe
from robustlens.streams import initialised
from robustlens.training import train
from robustlens.zoo import resolve

VALIDATION_STEPS = 10
WEIGHTS = "weights.safetensors"


def fit(recipe: Recipe, folder: AnyPath, device: torch.device | None = None) -> Checkpoint:
    """Return the model of a recipe, from `folder / recipe.name` or trained into it.

    A training that was interrupted continues. The card holds the recipe, the digest of the data,
    the validation metrics of the selected epoch and the provenance. Where the recipe names
    weights, nothing is trained: the model is those, with their own card.

    Raises:
        InputError: data, sizes, weights or folder that do not work; see `data.load`,
            `zoo.resolve` and `train`.
        TrainingDiverged: see `train`.
    """
    data, device = recipe.dataset(), device or torch.device("cpu")
    if recipe.weights:
        return _taken(recipe.weights, data, device)
    place = as_path(folder) / recipe.name
    if not exists(place / WEIGHTS):
        _train(recipe, data, place, device)
        gathered("")  # the first process has saved: all may read
    found = load(place / WEIGHTS)
    if found.card.get("data") != data.digest:
        raise InputError(
            f"{place / WEIGHTS} was trained on other data of the name {recipe.data}",
            "the same images as then",
            "choose another output folder",
        )
    found.model.to(device)
    return found


def _taken(weights: str, data: Dataset, device: torch.device) -> Checkpoint:
    found = load(resolve(Path(weights)))
    classes = tuple(found.card.get("classes", data.classes))
    if classes != data.classes:
        raise InputError(
            f"{weights} knows {', '.join(classes)}",
            f"the classes of {data.name}: {', '.join(data.classes)}",
            "change weights, or the data",
        )
    found.model.to(device)
    return found


def untrained(recipe: Recipe, data: Dataset, device: torch.device | None = None) -> nn.Module:
    """Return the net of a recipe with random weights, not those its training starts from.

    A control: what such a net shows as well was not learned. In evaluation mode.
    """
    architecture = recipe.architecture(data)
    net = initialised(recipe.seed + 1, architecture.build)
    return net.to(device or torch.device("cpu")).eval()


def _train(recipe: Recipe, data: Dataset, place: Path, device: torch.device) -> None:
    architecture = recipe.architecture(data)
    model = initialised(recipe.seed, architecture.build).to(device)
    attack = recipe.attack(VALIDATION_STEPS) if recipe.loss in ATTACKED else None
    with clock() as seconds:
        done = train(
            model,
            data,
            LOSSES[recipe.loss](recipe),
            recipe.training,
            seed=recipe.seed,
            validation_attack=attack,
            folder=place,
        )
    if not main_process():
        return
    origin = provenance(
        recipe.command,
        recipe.as_dict(),
        seed=recipe.seed,
        data={data.name: data.digest},
        seconds=sum(epoch.seconds for epoch in done.history) or seconds(),
        device=device,
    )
    card = {
        "recipe": recipe.as_dict(),
        "classes": list(data.classes),
        "data": data.digest,
        "validation": done.best._asdict(),
        "provenance": origin.as_dict(),
    }
    save(place / WEIGHTS, done.model, architecture=architecture, card=card)
    (place / "state.safetensors").unlink(missing_ok=True)
