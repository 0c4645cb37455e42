"""The data sets that have a name, as a table: what each is, and which files hold it.

    SOURCES["cifar10"].place()                  # where it is on this machine, "" if it is not

`named` reads them; here nothing is read, and torch is not needed.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from robustlens.data import places

if TYPE_CHECKING:
    import robustlens.data

CIFAR_ARCHIVE = "cifar-10-python.tar.gz"
CIFAR_FILES = {
    "train": ("cifar10_train_0.npz", "cifar10_train_1.npz"),
    "test": ("cifar10_test.npz",),
}
IMAGENETTE_FILE = {"train": "imagenette128_train.npz", "test": "imagenette128_val.npz"}
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the idx files."""
FASHION_FILE = "fashion_mnist.npz"
FASHION_FULL_FILES = ((FASHION_FILE,), (str(DEBIAN / "train-images-idx3-ubyte.gz"),))
CIFAR_GROUPS = ((*CIFAR_FILES["train"], *CIFAR_FILES["test"]), (CIFAR_ARCHIVE,))
TINY_FILE = "tinyimagenet32.npz"
"""The files of a source: groups, any of which is enough."""
GET_FASHION = "install Debian's dataset-fashion-mnist"
GET_CIFAR = "run `robustlens data get cifar10`"


@dataclass(frozen=True)
class Source:
    """A data set with a name: what it is, its licence, and where its files are."""

    name: str
    description: str
    licence: str
    function: str  # of `data.named`, that reads it
    files: tuple[tuple[str, ...], ...] = ()  # any of these groups is enough; (): in the package
    remedy: str = ""  # how to get them

    def place(self) -> str:
        """Return where the data set is on this machine: a folder, "the package", or ""."""
        found = [paths for group in self.files if (paths := places.find_all(*group))]
        return str(found[0][0].parent) if found else "" if self.files else "the package"

    def load(self, split: str) -> "robustlens.data.Dataset":
        """Return the "train" or the "test" images."""
        read = getattr(import_module("robustlens.data.named"), self.function)
        found: robustlens.data.Dataset = read(split)
        return found


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "fashion",
            "Fashion-MNIST, the first 1,000 training and 200 test images of each of ten classes, "
            "28x28 grey; comes with the package",
            "MIT, copyright 2017 Zalando SE",
            "fashion",
        ),
        Source(
            "fashion-full",
            "Fashion-MNIST, 60,000 training and 10,000 test images, 28x28 grey",
            "MIT, copyright 2017 Zalando SE",
            "fashion_full",
            FASHION_FULL_FILES,
            GET_FASHION,
        ),
        Source(
            "cifar10",
            "CIFAR-10, 50,000 training and 10,000 test images of ten classes, 32x32 colour",
            "unknown (Krizhevsky 2009)",
            "cifar10",
            CIFAR_GROUPS,
            GET_CIFAR,
        ),
        Source(
            "catdog",
            "the cats and dogs of CIFAR-10, 10,000 training and 2,000 test images",
            "unknown (Krizhevsky 2009)",
            "catdog",
            CIFAR_GROUPS,
            GET_CIFAR,
        ),
        Source(
            "imagenette128",
            "Imagenette, 9,469 training and 3,925 test photographs of ten classes, 128x128 colour",
            "unknown (ImageNet: non-commercial research)",
            "imagenette128",
            (tuple(IMAGENETTE_FILE.values()),),
        ),
        Source(
            "tinyimagenet32",
            "36 classes of Tiny ImageNet in 11 groups, 18,000 training and 1,800 test images, "
            "32x32 colour",
            "unknown (ImageNet: non-commercial research)",
            "tinyimagenet32",
            ((TINY_FILE,),),
        ),
    )
}
"""The data sets that have a name."""
