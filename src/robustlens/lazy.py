"""Packages whose names are imported when they are first used, so that a package itself is light.

    if typing.TYPE_CHECKING:                           # what type checkers and editors read
        from robustlens.attacks import pgd
    __all__ = ["attacks", "pgd"]
    lazy.names(__name__, {"robustlens.attacks": "pgd"})

A public name is what `homes` says also where a module of the package has the same name (`ascend`
is the function). Modules of the package that it does not name are imported at their first use too.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def names(package: str, homes: Mapping[str, str]) -> None:
    """Let a package, from its own `__init__`, find the names of `homes` where they are made.

    Args:
        package: its `__name__`.
        homes: for each module, by its full name, the names that the package takes from it,
            between spaces. `__all__` and the imports for type checkers say the same; a test holds
            them together.
    """
    module = sys.modules[package]
    module.__class__ = _Lazy
    vars(module)["__homes__"] = {name: home for home in homes for name in homes[home].split()}


class _Lazy(ModuleType):
    """A package that imports a public name at its first use and keeps it."""

    __homes__: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        home = self.__homes__.get(name)
        public = name.isidentifier() and not name.startswith("_")
        if home is not None:
            value = getattr(_imported(home), name)
        elif public and find_spec(f"{self.__name__}.{name}") is not None:
            value = _imported(f"{self.__name__}.{name}")
        else:
            words = f"module {self.__name__!r} has no attribute {name!r}"
            raise AttributeError(words, name=name, obj=self)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # Python puts a module into its package once it is imported, over whatever is there.
        if not (isinstance(value, ModuleType) and name in self.__homes__):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        modules = (module.name for module in iter_modules(self.__path__))
        public = (name for name in modules if not name.startswith("_"))
        return sorted({*vars(self), *self.__homes__, *public})


def _imported(name: str) -> ModuleType:
    """Import a module, the packages around it first.

    Python holds the lock of a module while it imports the package around it; a thread in which
    that package is just importing this module would wait for it in a circle.
    """
    parts = name.split(".")
    for length in range(1, len(parts)):
        import_module(".".join(parts[:length]))
    return import_module(name)
