"""Following a recipe: train the model, or take up what was trained.

fit(recipe, "runs/models")                                # the loss that the recipe names
fit(recipe, "runs/models", loss=adversarial(search), attack=search)      # one of your own
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from robustlens.data import Dataset
from robustlens.decoding import encode
from robustlens.describe import described, shown
from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path, digest_json
from robustlens.losses import describe
from robustlens.nets import Checkpoint, load, save
from robustlens.nets.checkpoints import exists
from robustlens.processes import gathered, main_process
from robustlens.provenance import clock, provenance
from robustlens.recipes.recipe import ATTACKED, LOSSES, Recipe
from robustlens.streams import initialised
from robustlens.training import train
from robustlens.types import Attack, Loss
from robustlens.zoo import resolve

VALIDATION_STEPS = 10
WEIGHTS = "weights.safetensors"


class Plan(NamedTuple):
    """What is minimised, what validation meets, and what that is called."""

    name: str  # of the folder: data, loss and a digest of everything that makes the model
    loss: Loss
    attack: Attack | None
    words: Mapping[str, Any]  # for the card
    command: str  # for the provenance


def plan(recipe: Recipe, loss: Loss | None = None, attack: Attack | None = None) -> Plan:
    """Return how a recipe is trained; see `fit`.

    A loss or an attack of one's own is told apart by all that it does (`describe.described`), not
    by its name: another one trains another model, in another folder.
    """
    if loss is None and attack is None:
        usual = recipe.attack(VALIDATION_STEPS) if recipe.loss in ATTACKED else None
        given = LOSSES[recipe.loss](recipe)
        return Plan(recipe.name, given, usual, recipe.as_dict(), recipe.command)
    given = loss or LOSSES[recipe.loss](recipe)
    words = recipe.as_dict() | {"loss": describe(given)}
    words |= {} if attack is None else {"validation_attack": shown(attack)}
    told = {"loss": described(given), "validation_attack": described(attack)}
    # The digest stands at the end, and of the loss one word that is fit for a folder.
    source, word = recipe.name.split(f"-{recipe.loss}-")[0], re.match(r"\w*", describe(given))
    name = f"{source}-{word[0] if word else ''}-{digest_json(words | told)[:8]}"
    what = "".join(f", {key} {words[key]}" for key in told if key in words)
    return Plan(name, given, attack, words, f"{recipe.command}  # from Python{what}")


def fit(
    recipe: Recipe,
    folder: AnyPath,
    device: torch.device | None = None,
    *,
    loss: Loss | None = None,
    attack: Attack | None = None,
) -> Checkpoint:
    """Return the model of a recipe, from its folder in `folder` or trained into it.

    A training that was interrupted continues. The card holds the recipe, the digest of the data,
    the validation metrics of the selected epoch and the provenance. Where the recipe names
    weights, nothing is trained: the model is those, with their own card.

    Args:
        recipe: its `name` is the name of the folder, as long as it says all.
        folder: of all models.
        device: of the model; the CPU if None.
        loss: minimised in the place of the one that the recipe names.
        attack: met by validation; if None, PGD in the recipe's ball where a loss that the recipe
            names meets an attack, and otherwise none.

    Raises:
        InputError: data, sizes, weights or folder that do not work; see `data.load`,
            `zoo.resolve` and `train`; a loss or an attack for weights that are taken.
        TrainingDiverged: see `train`.
    """
    data, device = recipe.dataset(), device or torch.device("cpu")
    if recipe.weights:
        if loss is not None or attack is not None:
            raise InputError(
                f"weights {recipe.weights} and a loss or an attack to train with",
                "weights to be taken, or a training",
                "leave one of them out",
            )
        return _taken(recipe.weights, data, device)
    how = plan(recipe, loss, attack)
    place = as_path(folder) / how.name
    if not exists(place / WEIGHTS):
        _train(recipe, how, data, place, device)
        gathered("")  # the first process has saved: all may read
    found = load(place / WEIGHTS)
    if found.card.data != data.digest:
        raise InputError(
            f"{place / WEIGHTS} was trained on other data of the name {recipe.data}",
            "the same images as then",
            "choose another output folder",
        )
    found.model.to(device)
    return found


def _taken(weights: str, data: Dataset, device: torch.device) -> Checkpoint:
    found = load(resolve(Path(weights)))
    classes = found.card.classes or data.classes
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


def _train(recipe: Recipe, how: Plan, data: Dataset, place: Path, device: torch.device) -> None:
    architecture = recipe.architecture(data)
    model = initialised(recipe.seed, architecture.build).to(device)
    with clock() as seconds:
        done = train(
            model,
            data,
            how.loss,
            recipe.training,
            seed=recipe.seed,
            validation_attack=how.attack,
            folder=place,
        )
    if not main_process():
        return
    origin = provenance(
        how.command,
        how.words,
        seed=recipe.seed,
        data={data.name: data.digest},
        seconds=sum(epoch.seconds for epoch in done.history) or seconds(),
        device=device,
    )
    card = {
        "recipe": how.words,
        "classes": list(data.classes),
        "data": data.digest,
        "validation": encode(done.best),
        "provenance": encode(origin),
    }
    save(place / WEIGHTS, done.model, architecture=architecture, card=card)
    (place / "state.safetensors").unlink(missing_ok=True)
