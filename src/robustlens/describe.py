"""A value in words: two that act alike get the same words, in every process and on every machine.

    described(bind(pgd, Masked(L2(0.5), mask), objective=partial(mine, strength=0.1)))
    digest_json(described(value))       # 16 digits, for a header or an identity
    shown(mine)                         # one short name, for a title

What is told apart: numbers, strings, tensors by their content, modules by class, weights and plain
attributes, dataclasses by their fields, functions by name, source, defaults, what they close over
and the globals that they read, other objects by class and attributes. Never a memory address. What
a function or a call itself writes (a count, a list that it appends to) is its memory and left out.
A class may say itself what tells its values apart: `__described__(self)` returns that.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from numbers import Number
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robustlens.files import digest, digest_json
from robustlens.sourcecode import (
    class_source,
    content_of,
    globals_of,
    is_data,
    library,
    library_class,
    name_of,
    slots_of,
    source_of,
    written_by,
    written_in_calls,
)

LONG = 120
"""Strings above this length are told by their digest."""
OF_ANY_MODULE = frozenset(vars(nn.Module()))
OF_A_MACHINE = {"device", "device_ids", "output_device", "src_device_obj", "_graph", "graph"}


def described(value: object) -> Any:
    """Return strings, lists and dicts, fit for JSON, that tell what a value does."""
    return _Walk().of(value)


def shown(value: object) -> str:
    """Return one short name for a value, for a title: its own words unless they hold an address."""
    if isinstance(value, functools.partial):
        return shown(value.func)
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        return name
    words = str(value)
    return type(value).__name__ if " at 0x" in words or "\n" in words else words


def state_digest(module: nn.Module) -> str:
    """Return 16 digits of all weights and buffers, those not saved included; not of the device."""
    state: dict[str, object] = dict(module.named_buffers(remove_duplicate=False))
    state |= module.state_dict(keep_vars=True)
    return digest_json({name: described(value) for name, value in state.items()})


def build_of(module: nn.Module) -> Any:
    """Return `described` without the weights that training changes: how a module is built.

    Buffers that no checkpoint keeps stay (a normalisation's mean and deviation).
    """
    kept = set(module.state_dict())
    fixed = {k: v for k, v in module.named_buffers(remove_duplicate=False) if k not in kept}
    words = {key: value for key, value in described(module).items() if key != "weights"}
    return words | {"fixed": described(fixed)}


class _Walk:
    """One description: what is met a second time is named by its number."""

    def __init__(self) -> None:
        self.met: dict[int, tuple[str, object]] = {}

    def of(self, value: object) -> Any:
        """Return the words of a value."""
        try:
            return self.told(value)
        except Exception:  # it is someone's object: asked what it is made of, it may raise anything
            return f"{name_of(type(value))}, unreadable"

    def told(self, value: object) -> Any:
        """Return the words of a value, or its number where it was met before."""
        plain = _plain(value)
        if plain is not None:
            return plain
        if id(value) in self.met:
            return self.met[id(value)][0]
        self.met[id(value)] = (f"number {len(self.met)}", value)  # kept, so that its id stays
        said = getattr(type(value), "__described__", None)
        if said is not None:
            return {"a": name_of(type(value)), "is": self.of(said(value))}
        for kind, words in KINDS:
            if isinstance(value, kind):
                return words(self, value)
        return self.thing(value)

    def items(self, values: Any) -> list[Any]:
        return [self.of(value) for value in values]

    def mapping(self, pairs: Mapping[Any, Any]) -> dict[str, Any]:
        named = {key if isinstance(key, str) else str(described(key)): key for key in pairs}
        return {name: self.of(pairs[named[name]]) for name in sorted(named)}

    def sets(self, values: Set[Any]) -> dict[str, Any]:
        return {"a set of": sorted((described(value) for value in values), key=digest_json)}

    def tuples(self, values: tuple[Any, ...]) -> Any:
        named: Any = values
        if hasattr(named, "_asdict"):
            return self.made(type(values), named._asdict())
        return self.items(values)

    def partial(self, value: functools.partial[Any]) -> dict[str, Any]:
        return {
            "a": "partial",
            "of": self.of(value.func),
            "with": self.items(value.args),
            "and": self.mapping(value.keywords),
        }

    def method(self, value: MethodType) -> dict[str, Any]:
        return {"a": "method", "of": self.of(value.__self__), "is": self.of(value.__func__)}

    def function(self, value: FunctionType) -> dict[str, Any]:
        """Name, source, defaults, closure; of code that is no library's also the globals read."""
        inner = inspect.unwrap(value)
        if inner is not value and library(value.__code__.co_filename):
            return self.function(inner) if isinstance(inner, FunctionType) else self.of(inner)
        words: dict[str, Any] = {"a": name_of(value), "source": source_of(value.__code__)}
        if value.__defaults__:
            words["defaults"] = self.items(value.__defaults__)
        if value.__kwdefaults__:
            words["keywords"] = self.mapping(value.__kwdefaults__)
        own = not library(value.__code__.co_filename)
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        memory = written_by(value) if own else set()
        closed = {name: self.of(content_of(cell)) for name, cell in cells if name not in memory}
        if closed:
            words["closure"] = closed
        for name, found in (("attributes", vars(value)), ("globals", globals_of(value))):
            if own and found:
                words[name] = self.mapping(found)
        return words

    def kind(self, value: type) -> Any:
        """Name; of a class that is no library's also its source, bases and class attributes."""
        words: dict[str, Any] = {"a": name_of(value)}
        for base in value.__mro__:
            if not library_class(base):
                words[name_of(base)] = class_source(base)
                data = {k: v for k, v in vars(base).items() if is_data(k, v)}
                if data:
                    words[f"{name_of(base)} has"] = self.mapping(data)
        return words if len(words) > 1 else words["a"]

    def module(self, value: nn.Module) -> dict[str, Any]:
        """Class, weights, and of every part its class and attributes."""
        words: dict[str, Any] = {"a": self.of(type(value)), "weights": state_digest(value)}
        code = getattr(value, "code", None)
        if isinstance(code, str):  # traced or compiled: its classes say nothing
            words["code"] = digest(code.encode())
        if isinstance(value, torch.jit.ScriptModule):
            return words
        for name, part in value.named_modules():
            self.met.setdefault(id(part), (f"part {name}", part))
            left_out = OF_ANY_MODULE | OF_A_MACHINE | written_in_calls(type(part))
            own = {key: item for key, item in vars(part).items() if key not in left_out}
            if type(part).__module__.startswith("torch._dynamo"):
                own = {}
            words[f"part {name}"] = self.made(type(part), own)
        return words

    def record(self, value: Any) -> dict[str, Any]:
        found = {field.name: getattr(value, field.name, None) for field in fields(value)}
        return self.made(type(value), found)

    def made(self, kind: type, parts: Mapping[str, Any]) -> dict[str, Any]:
        """Return an object of a class, with its parts by name."""
        return {"a": self.of(kind), "with": self.mapping(parts)}

    def thing(self, value: object) -> Any:
        """Class and attributes of any other object; values that are computed once are left out."""
        if is_dataclass(value):
            return self.record(value)
        cached = {
            name
            for base in type(value).__mro__
            for name, item in vars(base).items()
            if isinstance(item, functools.cached_property)
        }
        slots = (name for base in type(value).__mro__ for name in slots_of(base))
        own = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        own |= {k: v for k, v in getattr(value, "__dict__", {}).items() if k not in cached}
        left_out = OF_A_MACHINE | {"__weakref__", "__dict__"} | written_in_calls(type(value))
        own = {k: v for k, v in own.items() if k not in left_out}
        if own or not library_class(type(value)):
            return self.made(type(value), own)
        words = repr(value)
        return name_of(type(value)) if " at 0x" in words or len(words) > LONG else words


KINDS: tuple[tuple[Any, Callable[[_Walk, Any], Any]], ...] = (
    (nn.Module, _Walk.module),
    (functools.partial, _Walk.partial),
    (MethodType, _Walk.method),
    (FunctionType, _Walk.function),
    (type, _Walk.kind),
    (tuple, _Walk.tuples),
    (list, _Walk.items),
    (Mapping, _Walk.mapping),
    (Set, _Walk.sets),
)


def _plain(value: object) -> str | None:
    """Return the words of a value that has no parts, None for any other."""
    if isinstance(value, Enum):
        return f"{name_of(type(value))}.{value.name}"
    if isinstance(value, str):
        return repr(value) if len(value) <= LONG else f"text {digest(value.encode())}"
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"bytes {digest(bytes(value))}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if value is None or isinstance(value, Number | range | slice | torch.dtype | torch.layout):
        return str(value)
    if isinstance(value, PurePath):
        return f"path {value.as_posix()}"
    if isinstance(value, torch.device):
        return "a device"
    if isinstance(value, torch.Generator):
        return f"a generator of seed {value.initial_seed()}"
    if isinstance(value, type) and library_class(value):
        return name_of(value)
    if isinstance(value, ModuleType | BuiltinFunctionType | np.ufunc):
        return name_of(value)
    return None


def _tensor(value: Tensor) -> str:
    """Return dtype, shape and digest, not the device; a tensor without axes is its number."""
    try:
        value = value.detach()
        if value.is_quantized:
            return f"quantised {_raw(value.dequantize())}"
        if value.dim() == 0 and value.device.type != "meta":
            return str(_plain(value.item()))
        return _raw(value.to_dense() if value.layout != torch.strided else value)
    except (RuntimeError, NotImplementedError, ValueError) as error:
        return f"a tensor that cannot be read ({type(error).__name__})"


def _raw(value: Tensor) -> str:
    if value.device.type == "meta":
        return f"{value.dtype} {tuple(value.shape)} on meta"
    content = value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return f"{value.dtype} {tuple(value.shape)} {digest(content.tobytes())}"


def _array(value: NDArray[Any]) -> str:
    if value.ndim == 0 and value.dtype != object:
        return str(_plain(value.item()))
    if value.dtype == object:
        return f"objects {digest_json([described(item) for item in value.ravel()])}"
    content = np.ascontiguousarray(value).tobytes()
    return f"{value.dtype} {value.shape} {digest(content)}"
