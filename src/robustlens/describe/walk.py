"""From a value to its words: everything that can be reached, once."""

import functools
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import torch
from torch import Tensor, nn

from robustlens.describe.plain import content, plain
from robustlens.describe.reading import memory_of, reads
from robustlens.files import digest, digest_json
from robustlens.sourcecode import (
    body_of,
    library,
    library_class,
    name_of,
    slots_of,
    source_of,
    state_of,
)

OF_ANY_MODULE = frozenset(vars(nn.Module()))
FRAMES = 3000
"""Calls of Python inside each other that a description may need: functions that call functions."""
DEEP = 25
"""So many values inside each other are told in words, so that JSON can be made of them."""
OF_A_MACHINE = {"device_ids", "output_device"}


def described(value: object) -> Any:
    """Return strings, lists and dicts, fit for JSON, that tell what a value does."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, FRAMES))
    try:
        return _Walk().of(value)
    finally:
        sys.setrecursionlimit(before)


def brings_code(value: object) -> bool:
    """Say whether a value leads to code that is no library's."""
    walk = _Walk()
    walk.of(value)
    return walk.own


def state_digest(module: nn.Module) -> str:
    """Return 16 digits of all weights and buffers, those not saved included; not of the device."""
    state: dict[str, object] = dict(module.named_buffers(remove_duplicate=False))
    state |= module.state_dict(keep_vars=True)
    return digest_json({name: described(value) for name, value in state.items()})


class _Walk:
    """One description: what is met a second time is named by its class and number."""

    def __init__(self) -> None:
        self.met: dict[int, tuple[str, object]] = {}
        self.counts: Counter[str] = Counter()
        self.own = False
        self.depth = 0

    def of(self, value: object) -> Any:
        """Return the words of a value, of one that lies deep their digest."""
        self.depth += 1
        try:
            words = self.told(value)
            return words if self.depth % DEEP or isinstance(words, str) else digest_json(words)
        except Exception:  # it is someone's object: asked what it is made of, it may raise anything
            return f"{name_of(type(value))}, unreadable"
        finally:
            self.depth -= 1

    def told(self, value: object) -> Any:
        """Return the words of a value, or its number where it was met before."""
        words = plain(value)
        if words is not None:
            return words
        if id(value) in self.met:
            return self.met[id(value)][0]
        kind = name_of(type(value))
        self.counts[kind] += 1
        self.met[id(value)] = (f"{kind} {self.counts[kind]}", value)  # kept, so that its id stays
        said = getattr(type(value), "__described__", None)
        if said is not None:
            return {"a": kind, "is": self.parts(said(value))}
        for known, say in KINDS:
            if isinstance(value, known):
                return say(self, value)
        return self.thing(value)

    def items(self, values: Iterable[Any]) -> list[Any]:
        return [self.of(value) for value in values]

    def parts(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Return words by name, for names that Python keeps and whose order means nothing."""
        return {name: self.of(named[name]) for name in sorted(named)}

    def holding(self, value: Any) -> Any:
        """Return what a list, tuple or mapping holds, in order; of other classes more."""
        paired = isinstance(value, Mapping)
        held = {"pairs": self.items(value.items())} if paired else self.items(value)
        kept = type(value) in (list, tuple, dict, torch.Size, MappingProxyType)
        return held if kept else {**self.thing(value), "holds": held}

    def sets(self, values: Set[Any]) -> dict[str, Any]:
        held = {"a set of": sorted((described(value) for value in values), key=digest_json)}
        return held if library_class(type(values)) else {**self.thing(values), **held}

    def tensor(self, value: Tensor) -> dict[str, Any]:
        """Class, content and attributes of a tensor of an own class."""
        words = {"a": self.of(type(value)), "holds": content(value.as_subclass(Tensor))}
        return words | {"with": self.parts(vars(value))}

    def partial(self, value: functools.partial[Any]) -> dict[str, Any]:
        words = {"a": "partial", "of": self.of(value.func), "with": self.items(value.args)}
        words |= {"and": self.parts(value.keywords)}
        return words if type(value) is functools.partial else self.thing(value) | words

    def method(self, value: Any) -> dict[str, Any]:
        """A method together with the object whose it is."""
        own = getattr(value, "__func__", None)
        words = {"a": "method", "of": self.of(value.__self__)}
        return words | {"is": name_of(value) if own is None else self.of(own)}

    def descriptor(self, value: Any) -> dict[str, Any]:
        """What a property, static or class method wraps."""
        wrapped = ("fget", "fset", "fdel", "__func__")
        words = {"a": name_of(type(value))}
        words |= {k: self.of(getattr(value, k)) for k in wrapped if hasattr(value, k)}
        return words if library_class(type(value)) else self.thing(value) | words

    def function(self, value: FunctionType) -> Any:
        """Name, source, defaults, what it reads from outside; of own code also its attributes."""
        own = not library(value.__code__.co_filename)
        self.own |= own
        inner = inspect.unwrap(value)
        if inner is not value and not own:
            more = getattr(value, "registry", None)  # functools.singledispatch
            return self.of(inner) if more is None else {"of": self.of(inner), "or": self.of(more)}
        words: dict[str, Any] = {"a": name_of(value), "source": source_of(value.__code__)}
        if value.__defaults__:
            words["defaults"] = self.items(value.__defaults__)
        named = {"keywords": value.__kwdefaults__, "reads": reads(value)}
        named |= {"attributes": vars(value)} if own else {}
        return words | {name: self.parts(found) for name, found in named.items() if found}

    def generator(self, value: Any) -> dict[str, Any]:
        """Source, place and local values of a generator on its way."""
        self.own |= not library(value.gi_code.co_filename)
        frame = value.gi_frame
        words = {"a": name_of(value), "source": source_of(value.gi_code)}
        return words | ({"at": frame.f_lasti, "with": self.parts(frame.f_locals)} if frame else {})

    def kind(self, value: type) -> dict[str, Any]:
        """Name, and the bodies of it and its bases, as they are now; of a library's the name."""
        self.own = True
        bodies = [
            name_of(base)
            if library_class(base)
            else {"a": name_of(base), "has": self.parts(body_of(base))}
            for base in value.__mro__
        ]
        return {"a": name_of(value), "made by": self.of(type(value)), "is": bodies}

    def package(self, value: ModuleType) -> dict[str, Any]:
        """Name and content of an own module that is handed on as a whole."""
        self.own = True
        found = {k: v for k, v in vars(value).items() if not k.startswith("__")}
        return {"a": name_of(value), "has": self.parts(found)}

    def module(self, value: nn.Module) -> dict[str, Any]:
        """Class, weights, and of every part, in order, its class and attributes."""
        words: dict[str, Any] = {"a": self.of(type(value)), "weights": state_digest(value)}
        code = getattr(value, "code", None)
        if isinstance(code, str):  # traced or compiled: its classes say nothing
            words["code"] = digest(code.encode())
        if isinstance(value, torch.jit.ScriptModule):
            return words
        parts = dict(value.named_modules())
        words["order"] = list(parts)
        for name, part in parts.items():
            self.met.setdefault(id(part), (f"part {name}", part))
            own = {k: v for k, v in attributes(part).items() if k not in OF_ANY_MODULE}
            if type(part).__module__.startswith("torch._dynamo"):
                own = {}
            words[f"part {name}"] = {"a": self.of(type(part)), "with": self.parts(own)}
        return words

    def thing(self, value: object) -> Any:
        """Class, attributes, and what pickling says besides, of any other object."""
        state = state_of(value)
        of_library = library_class(type(value))
        own = {} if of_library and state else attributes(value)
        if of_library and not state and not own:
            said = repr(value)
            return name_of(type(value)) if "0x" in said else plain(said)
        words = {"a": self.of(type(value)), "with": self.parts(own)}
        return words | ({"state": self.items(state)} if state else {})


KINDS: tuple[tuple[Any, Callable[[_Walk, Any], Any]], ...] = (
    (nn.Module, _Walk.module),
    (Tensor, _Walk.tensor),
    (functools.partial, _Walk.partial),
    (MethodType | BuiltinFunctionType | MethodWrapperType, _Walk.method),
    (property | staticmethod | classmethod, _Walk.descriptor),
    (FunctionType, _Walk.function),
    (GeneratorType, _Walk.generator),
    (type, _Walk.kind),
    (ModuleType, _Walk.package),
    (list | tuple | Mapping, _Walk.holding),
    (Set, _Walk.sets),
)


def attributes(value: object) -> dict[str, Any]:
    """Return the attributes of an object by name.

    Left out are values that are computed once from others, the device, and what calls of the object
    write and its class never reads: counts and notes.
    """
    kind = type(value)
    own = {name: getattr(value, name) for name in slots_of(kind) if hasattr(value, name)}
    own |= getattr(value, "__dict__", {})
    cached = {
        name
        for base in kind.__mro__
        for name, item in vars(base).items()
        if isinstance(item, functools.cached_property)
    }
    memory = {name for name in memory_of(kind) if library_class(type(own.get(name)))}
    left_out = cached | memory | OF_A_MACHINE
    return {k: v for k, v in own.items() if k not in left_out and not _on_a_machine(k, v)}


def _on_a_machine(name: str, value: object) -> bool:
    known = (torch.device, torch.fx.Graph)
    return isinstance(value, known) or (name == "device" and isinstance(value, str))
