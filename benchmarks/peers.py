"""Other people's packages for the benchmarks: what they are, how to install them, how to get them.

    attacks = module("foolbox", "foolbox.attacks")    # or NotInstalled, which says what to type
    print(describe("foolbox"))                        # "foolbox 3.3.4"

None is needed by robustlens. Some ask for packages at import that no attack uses; an empty module
stands in for those. Parameters of a model are not frozen for them: that is what their users get.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple


class Peer(NamedTuple):
    """A package that was tried: its name on PyPI, its version, what it needs, what is stubbed."""

    package: str
    version: str
    needs: str = ""
    stubs: tuple[str, ...] = ()


PEERS: dict[str, Peer] = {
    "torchattacks": Peer("torchattacks", "3.5.1", "requests scipy tqdm"),
    "foolbox": Peer("foolbox", "3.3.4", "eagerpy GitPython gitdb smmap requests scipy"),
    "art": Peer(
        "adversarial-robustness-toolbox",
        "1.20.1",
        "six scikit-learn joblib threadpoolctl cloudpickle narwhals scipy tqdm multiprocess dill",
    ),
    "cleverhans": Peer("cleverhans", "4.0.0", "absl-py easydict joblib matplotlib six"),
    "captum": Peer("captum", "0.9.0", "matplotlib packaging tqdm"),
    "adv-lib": Peer("adv-lib", "0.2.8", "tqdm", ("torchvision", "visdom")),
    "pyautoattack": Peer("pyautoattack", "0.2.0"),
}
"""The versions that the calls in benchmarks/ were written for."""


class NotInstalled(ImportError):
    """A peer that is not here, or that cannot be imported: what went wrong, and what to type."""


def module(peer: str, name: str) -> ModuleType:
    """Return a module of a peer named in `PEERS`; raise `NotInstalled` if it does not import."""
    try:
        with _stubs(PEERS[peer].stubs):
            return importlib.import_module(name)
    except Exception as error:  # old packages fail in many ways beside new libraries
        raise NotInstalled(f"{error!r}; {how_to_install(peer)}") from error


def how_to_install(*peers: str) -> str:
    """Return the command that installs peers without moving the versions of torch and numpy."""
    wanted = [f"{PEERS[name].package}=={PEERS[name].version}" for name in peers]
    needs = sorted({need for name in peers for need in PEERS[name].needs.split()})
    return " ".join(["pip install --no-deps", *wanted, *needs])


def describe(peer: str) -> str:
    """Return the name of a peer and its installed version, and the expected one if it differs."""
    package, expected, *_ = PEERS[peer]
    try:
        found = version(package)
    except PackageNotFoundError:
        return f"{peer} not installed"
    return f"{peer} {found}" + (f" (written for {expected})" if found != expected else "")


@contextmanager
def _stubs(names: tuple[str, ...]) -> Iterator[None]:
    """Let empty modules stand in, during an import, for those that are not installed."""
    missing = [name for name in names if name not in sys.modules and find_spec(name) is None]
    try:
        for name in missing:
            sys.modules[name] = _Empty(name)
        yield
    finally:
        for name in missing:
            del sys.modules[name]


class _Empty(ModuleType):
    """A module in which every name is there, and means nothing."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return object
