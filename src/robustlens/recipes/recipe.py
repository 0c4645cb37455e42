"""A recipe says everything about a trained model: data, net, loss, training, seed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from robustlens import losses
from robustlens.attacks import Bound, bind, fgsm, pgd, pgd_kl
from robustlens.balls import ball
from robustlens.data import Dataset
from robustlens.data import load as load_data
from robustlens.data.listing import readable
from robustlens.decoding import encode
from robustlens.errors import InputError, UnknownName
from robustlens.files import digest_json
from robustlens.nets import NETS, Architecture
from robustlens.provenance import command_line, flags
from robustlens.training import TrainConfig
from robustlens.types import Loss


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Data, net, loss and training of one model."""

    LATER: ClassVar[frozenset[str]] = frozenset({"weights", "copies", "strength"})

    data: str = "fashion"  # a source, a folder or an .npz; without splits, a fifth is held out
    images: int = 0  # the first n of every class alike; 0: all
    size: int = 0  # crop or shrink images to this side in pixels; 0: as they are
    net: str = (
        "small"  # small, resnet, resnet-gelu, wide-resnet, vgg, vgg-bn, vgg-gn, mlp, denoised
    )
    width: int = 16  # channels of the first layer, units of a layer of an mlp
    depth: int = 0  # weighted layers; 0: the net's own
    widen: int = 1  # factor on the stages of a wide-resnet
    stem_stride: int = 0  # of a residual net's first convolution; 0: 2 above 64 pixels, else 1
    loss: str = "standard"  # adversarial fgsm trades noise smoothadv macer consistency denoise
    norm: str = "l2"  # of the training attack: linf, l2 or l1
    eps: str = "1.5"  # its radius in [0, 1] units, as 0.5 or 8/255
    steps: int = 5  # its steps
    beta: float = 6.0  # of TRADES
    sigma: float = 0.25  # of the noise
    copies: int = 0  # noisy copies of an image in smoothadv, macer, consistency; 0: the paper's
    strength: float = 0.0  # weight of what macer, consistency, denoise add; 0: their own
    seed: int = 0
    weights: str = ""  # taken instead of training: a shipped model by name, or a checkpoint
    training: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise UnknownName("loss", self.loss, LOSSES)
        if self.net not in NETS:
            raise UnknownName("net", self.net, NETS)
        ball(self.norm, self.eps)
        if self.steps < 1 or min(self.images, self.copies, self.strength) < 0:
            raise InputError(
                f"steps {self.steps}, images {self.images}, copies {self.copies}, "
                f"strength {self.strength}",
                "steps >= 1, and the others >= 0",
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a JSON file; see `decoding.LATER`."""
        found: dict[str, Any] = encode(self)
        return found

    @property
    def name(self) -> str:
        """Data, loss and the digest of everything: a folder's name."""
        source = readable(Path(self.data).stem)
        return f"{source}-{self.loss}-{digest_json(self.as_dict())[:8]}"

    @property
    def command(self) -> str:
        """The command line that trains this model: what differs from the defaults."""
        changed = flags(asdict(self), asdict(Recipe()))
        return command_line("robustlens", "train", *changed)

    def dataset(self, split: str = "train") -> Dataset:
        """Return the images of a split, all of them for the test split."""
        found = load_data(self.data, split, size=self.size or None)
        return found.limited(self.images) if split == "train" else found

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


def _fgsm(recipe: Recipe) -> Loss:
    """Return training on one step of length eps from x: cheap, and easily fooled."""
    return losses.adversarial(bind(fgsm, ball(recipe.norm, recipe.eps)))


def _trades(recipe: Recipe) -> Loss:
    attack = bind(pgd_kl, ball(recipe.norm, recipe.eps), steps=recipe.steps)
    return losses.trades(attack, recipe.beta)


def _noise(recipe: Recipe) -> Loss:
    return losses.gaussian_noise(recipe.sigma)


def _smoothadv(recipe: Recipe) -> Loss:
    return losses.smoothadv(recipe.attack(recipe.steps), recipe.sigma, **_settings(recipe, "m"))


def _macer(recipe: Recipe) -> Loss:
    return losses.macer(recipe.sigma, **_settings(recipe, "m", "weight"))


def _consistency(recipe: Recipe) -> Loss:
    return losses.consistency(recipe.sigma, **_settings(recipe, "m", "weight"))


def _denoise(recipe: Recipe) -> Loss:
    return losses.denoise(recipe.sigma, **_settings(recipe, "weight"))


def _settings(recipe: Recipe, *names: str) -> dict[str, Any]:
    """Return those settings of a loss that the recipe does not leave to the paper."""
    said = {"m": recipe.copies, "weight": recipe.strength}
    return {name: said[name] for name in names if said[name]}


LOSSES: dict[str, Callable[[Recipe], Loss]] = {
    "standard": _standard,
    "adversarial": _adversarial,
    "fgsm": _fgsm,
    "trades": _trades,
    "noise": _noise,
    "smoothadv": _smoothadv,
    "macer": _macer,
    "consistency": _consistency,
    "denoise": _denoise,
}
"""The losses by the names a command line uses."""
ATTACKED = {"adversarial", "fgsm", "trades"}
"""The losses that meet an attack: validation meets PGD in the same ball."""
