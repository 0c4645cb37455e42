"""Where the seeds of generated pictures lie that are shipped: beside the weights of the models.

    seeds_of(entry("cifar10-l2-0.5").card)        # a file for `vision.Seeds.load`, checked

One file serves all models of the same images. It holds a mean and a few directions a class, at low
resolution and in half precision; no image can be read from it. Made by `robustlens make seeds`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustlens.errors import InputError
from robustlens.zoo.places import folders
from robustlens.zoo.table import File

SEEDS: Mapping[str, File] = {
    "catdog": File(
        "catdog-seeds.safetensors",
        "54260e1e38f2a57ba40b68afc94a65023e67cb2f0c625c7e0dccf777c526c20b",
        77236,
    ),
    "cifar10": File(
        "cifar10-seeds.safetensors",
        "4916d742377ee436a9895d2b0c0ed191a7449c1a784dda877fc296eb073ba92a",
        384556,
    ),
    "fashion": File(
        "fashion-seeds.safetensors",
        "8049935b99f605e8afac00c1efaebb4fc194533752429e36ecd67611fa17cbbb",
        267140,
    ),
    "fashion-full": File(
        "fashion-seeds.safetensors",
        "8049935b99f605e8afac00c1efaebb4fc194533752429e36ecd67611fa17cbbb",
        267140,
    ),
    "imagenette128": File(
        "imagenette-seeds.safetensors",
        "f8139c0900c9fc2f74ed6d1e35641e337b01539a8bf15a6a1e369b2362ae1557",
        384612,
    ),
}
"""The file for each data set that a shipped model may have been trained on."""


def seeds_of(card: Mapping[str, Any]) -> Path:
    """Return the path of seeds for a model, shipped or trained, by the data that its card names.

    Raises:
        InputError: there are none for its images, they are not on this machine, or damaged.
    """
    data = str(card.get("recipe", {}).get("data", ""))
    remedy = f"fit them: robustlens make seeds --data {data} --out seeds.safetensors"
    file = SEEDS.get(data)
    if file is None:
        known = ", ".join(sorted(SEEDS))
        raise InputError(f"no seeds for a model of {data!r}", f"a model of {known}", remedy)
    path = next((place for f in folders() if (place := f / file.name).is_file()), None)
    if path is None:
        places = " or ".join(map(str, folders()))
        raise InputError(
            f"the seeds of {data} are not on this machine", f"{file.name} in {places}", remedy
        )
    if file.digest.of(path) != file.digest:
        raise InputError(f"{path} is damaged or was changed", str(file.digest), remedy)
    return path
