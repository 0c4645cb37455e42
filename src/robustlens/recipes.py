"""A recipe says everything about a trained model; `fit` follows it, once.

    recipe = Recipe(data="fashion", loss="adversarial", norm="l2", eps="1.5")
    model, card = fit(recipe, Path("runs/models"))       # trains, or reuses what it trained

The same recipe on the same data gives the same folder, named after its digest.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from robustlens import losses
from robustlens.attacks import Bound, bind, pgd, pgd_kl
from robustlens.balls import ball
from robustlens.data import Dataset
from robustlens.data import load as load_data
from robustlens.errors import InputError, UnknownName
from robustlens.files import digest_json
from robustlens.nets import Architecture, Checkpoint, load, save
from robustlens.nets.checkpoints import exists
from robustlens.provenance import clock, command_line, flags, provenance
from robustlens.streams import initialised
from robustlens.training import TrainConfig, train
from robustlens.types import Loss


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Data, net, loss and training of one model."""

    data: str = "fashion"  # a source, a folder or an .npz
    images: int = 0  # the first n of every class alike; 0: all
    size: int = 0  # side in pixels for a folder of images of different sizes; 0: as they are
    net: str = "small"  # small, resnet, wide-resnet, vgg, vgg-bn, vgg-gn or mlp
    width: int = 16  # channels of the first layer, units of a layer of an mlp
    depth: int = 0  # weighted layers; 0: the net's own
    widen: int = 1  # factor on the stages of a wide-resnet
    stem_stride: int = 0  # of a residual net's first convolution; 0: 2 above 64 pixels, else 1
    loss: str = "standard"  # standard, adversarial, trades or noise
    norm: str = "l2"  # of the training attack: linf, l2 or l1
    eps: str = "1.5"  # its radius in [0, 1] units, as 0.5 or 8/255
    steps: int = 5  # its steps
    beta: float = 6.0  # of TRADES
    sigma: float = 0.25  # of the noise
    seed: int = 0
    training: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise UnknownName("loss", self.loss, LOSSES)
        ball(self.norm, self.eps)
        if self.steps < 1 or self.images < 0:
            raise InputError(
                f"steps {self.steps}, images {self.images}", "steps >= 1 and images >= 0"
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a JSON file."""
        return asdict(self) | {"training": self.training.as_dict()}

    @property
    def name(self) -> str:
        """Data, loss and the digest of everything: a folder's name."""
        source = Path(self.data).stem
        return f"{source}-{self.loss}-{digest_json(self.as_dict())[:8]}"

    @property
    def command(self) -> str:
        """The command line that trains this model: what differs from the defaults."""
        changed = flags(asdict(self), asdict(Recipe()))
        return command_line("robustlens", "train", *changed)

    def dataset(self, split: str = "train") -> Dataset:
        """Return the images of a split, all of them for the test split."""
        found = load_data(self.data, split, size=self.size or None)
        return found.take(self.images) if self.images and split == "train" else found

    def architecture(self, data: Dataset) -> Architecture:
        """Return the net for the shape and classes of the data."""
        channels, height, width = data.shape
        return Architecture(
            net=self.net,
            width=self.width,
            depth=self.depth,
            widen=self.widen,
            stem_stride=self.stem_stride,
            channels=channels,
            classes=len(data.classes),
            size=max(height, width),
        )

    def attack(self, steps: int) -> Bound:
        """Return PGD in the recipe's ball."""
        return bind(pgd, ball(self.norm, self.eps), steps=steps)


def _standard(recipe: Recipe) -> Loss:
    return losses.standard


def _adversarial(recipe: Recipe) -> Loss:
    return losses.adversarial(recipe.attack(recipe.steps))


def _trades(recipe: Recipe) -> Loss:
    attack = bind(pgd_kl, ball(recipe.norm, recipe.eps), steps=recipe.steps)
    return losses.trades(attack, recipe.beta)


def _noise(recipe: Recipe) -> Loss:
    return losses.gaussian_noise(recipe.sigma)


LOSSES: dict[str, Callable[[Recipe], Loss]] = {
    "standard": _standard,
    "adversarial": _adversarial,
    "trades": _trades,
    "noise": _noise,
}
"""The losses by the names a command line uses."""
ATTACKED = {"adversarial", "trades"}
VALIDATION_STEPS = 10
WEIGHTS = "weights.safetensors"


def fit(recipe: Recipe, folder: Path, device: torch.device | None = None) -> Checkpoint:
    """Return the model of a recipe, from `folder / recipe.name` or trained into it.

    A training that was interrupted continues. The card holds the recipe, the digest of the data,
    the validation metrics of the selected epoch and the provenance.

    Raises:
        InputError: data, sizes or folder that do not work; see `data.load` and `train`.
        TrainingDiverged: see `train`.
    """
    data, device = recipe.dataset(), device or torch.device("cpu")
    place = folder / recipe.name
    if not exists(place / WEIGHTS):
        _train(recipe, data, place, device)
    found = load(place / WEIGHTS)
    if found.card.get("data") != data.digest:
        raise InputError(
            f"{place / WEIGHTS} was trained on other data of the name {recipe.data}",
            "the same images as then",
            "choose another output folder",
        )
    found.model.to(device)
    return found


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
