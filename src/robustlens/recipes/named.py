"""Recipes by name, from the TOML files of this package; and from a TOML file of one's own.

    named("cifar10-l2-0.5-small").recipe          # a Recipe
    named("mine.toml").recipe                     # ends in .toml: a file

A file holds fields of `Recipe`, a table [training] of `TrainConfig`, in it a table
[training.augment] of `Augmentation`, and `fits`: where it fits and how long it takes.
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from robustlens.decoding import Manner, decode, refuse_unknown
from robustlens.errors import InputError, UnknownName
from robustlens.losses import NOISY
from robustlens.nets import Architecture
from robustlens.recipes.recipe import ATTACKED, Recipe

SUFFIX = ".toml"
FITS = "fits"
WORDS = {
    str: "words in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
}


def _wrong(key: str, value: Any, kind: type) -> InputError:
    return InputError(f"{key} = {value!r}", WORDS[kind], f"change {key}")


TOML = Manner(_wrong, refuse_unknown)
"""As a file that somebody wrote is read: nothing in it is passed over."""


class Named(NamedTuple):
    """A recipe with a name, and words on the machine it fits."""

    name: str
    fits: str  # "CPU: ..." or "GPU: ..." for ours
    recipe: Recipe

    @property
    def net(self) -> str:
        """The net in a few words: "resnet-8, width 48"."""
        one = self.recipe
        return Architecture(net=one.net, width=one.width, depth=one.depth).short

    @property
    def loss(self) -> str:
        """The loss in a few words: "adversarial l2 0.5, 7 steps"."""
        recipe = self.recipe
        if recipe.loss in NOISY:
            return f"{recipe.loss} {recipe.sigma:g}"
        if recipe.loss not in ATTACKED:
            return recipe.loss
        steps = "" if recipe.loss == "fgsm" else f", {recipe.steps} steps"
        return f"{recipe.loss} {recipe.norm} {recipe.eps}{steps}"


def recipe_names() -> tuple[str, ...]:
    """Return the names of our recipes, sorted."""
    files = (resources.files("robustlens.recipes") / "named").iterdir()
    return tuple(sorted(f.name.removesuffix(SUFFIX) for f in files if f.name.endswith(SUFFIX)))


def named(name: str) -> Named:
    """Return a recipe of ours by its name, or the one in a file whose name ends in .toml.

    Raises:
        UnknownName: neither; the message lists our recipes.
        InputError: a file that is missing, no TOML, or has a wrong key or value, which is named.
    """
    if name.endswith(SUFFIX):
        path = Path(name).expanduser()
        return _read(path.stem, str(path), _text(path))
    known = recipe_names()
    if name not in known:
        raise UnknownName("recipe", name, known)
    file = resources.files("robustlens.recipes") / "named" / (name + SUFFIX)
    return _read(name, file.name, file.read_text(encoding="utf-8"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}", "a TOML file", "change --recipe") from None


def _read(name: str, file: str, text: str) -> Named:
    try:
        table = tomllib.loads(text)
        fits = decode(str, table.pop(FITS, ""), FITS, TOML)
        return Named(name, fits, decode(Recipe, table, "", TOML))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: {error}", "a TOML file", "mend that line") from None
    except InputError as error:
        raise InputError(f"{file}: {error.received}", error.expected, error.change) from None
