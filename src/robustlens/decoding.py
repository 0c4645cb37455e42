"""From dataclasses to JSON and back: each field of the type that the class says, or a refusal.

    encode(Number(0.5, 0.4, 0.6, 90))                      # {"value": 0.5, "low": 0.4, ...}
    decode(Number, {"value": 0.5, "low": 0.4, "high": 0.6, "n": 90}, "number")

Words, whole and other numbers, truth values, enumerations, literals, dataclasses and named tuples,
mappings with words as keys, tuples, lists, and `X | None`. Fields the class does not have are
passed over, so that an older reader takes a newer file.

Fields that a dataclass had not at first stand in its `LATER: ClassVar[frozenset[str]]`. Where one
has its default it is not written, and where it is not written it has its default: files, and the
digests of them, stay what they were before there was a choice.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from robustlens.errors import InputError, UnknownName

PLAIN: Mapping[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
    NoneType: (NoneType,),
}
"""What JSON may hold where a class says this: a whole number is a float, true is no number."""


@dataclass(frozen=True)
class Manner:
    """What is said of a value that is not of its kind, and of keys that a class does not have."""

    wrong: Callable[[str, Any, type], InputError]  # of the place, the value, the kind
    unknown: Callable[[str, Collection[str]], object]  # of the place, the fields there are


def _wrong(where: str, value: Any, kind: type) -> InputError:
    return InputError(f"{where} is a {type(value).__name__}", f"a {kind.__name__}")


def refuse_unknown(key: str, known: Collection[str]) -> None:
    """Raise `UnknownName` for a key that a class does not have."""
    raise UnknownName("key", key, known)


JSON = Manner(_wrong, lambda key, known: None)
"""As a file of ours is read."""
WHOLE = Manner(_wrong, refuse_unknown)
"""The same, of a file that must say nothing else."""


def encode(value: Any) -> Any:
    """Return a value as `decode` takes it, dataclasses as mappings; for `LATER` see above."""
    if is_dataclass(value) and not isinstance(value, type):
        later: frozenset[str] = getattr(value, "LATER", frozenset())
        said = (f for f in fields(value) if not (f.name in later and _usual(f, value)))
        return {field.name: encode(getattr(value, field.name)) for field in said}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: encode(v) for key, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: encode(v) for key, v in value._asdict().items()}
    if isinstance(value, list | tuple):
        return type(value)(encode(v) for v in value)
    return value


def decode(kind: Any, value: Any, where: str, manner: Manner = JSON) -> Any:
    """Return a value of JSON as one of `kind`; `where` names it in what is raised.

    Raises:
        InputError: a value of another type, a field that is missing, or what the class refuses.
        UnknownName: a word that the enumeration does not have; a key, where `manner` refuses it.
    """
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _either(get_args(kind), value, where, manner)
    if kind in PLAIN:
        return _plain(kind, value, where, manner)
    if origin is Literal:
        if value not in get_args(kind):
            raise InputError(f"{where} is {value!r}", " or ".join(map(repr, get_args(kind))))
        return value
    if isinstance(kind, type) and issubclass(kind, Enum):
        known = [str(member.value) for member in kind]
        if value not in known:
            raise UnknownName(kind.__name__.lower(), str(value), known)
        return kind(value)
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        hints = _hints(kind)
        return _made(kind, decode_fields(hints, value, where, _optional(kind), manner), where)
    if origin in (tuple, list):
        return _several(origin, get_args(kind), value, where, manner)
    inner = get_args(kind)[1]
    return {
        key: decode(inner, v, _inside(where, key), manner)
        for key, v in _checked(dict, value, where, manner).items()
    }


def decode_fields(
    hints: Mapping[str, Any],
    value: Any,
    where: str,
    optional: frozenset[str] = frozenset(),
    manner: Manner = JSON,
) -> dict[str, Any]:
    """Return the fields of a JSON object, each as `hints` says; `optional` ones may be missing.

    Raises as `decode`.
    """
    table, found = _checked(dict, value, where, manner), {}
    for key in table:
        if key not in hints:
            manner.unknown(_inside(where, key), [_inside(where, name) for name in hints])
    for name, kind in hints.items():
        if name in table:
            found[name] = decode(kind, table[name], _inside(where, name), manner)
        elif name not in optional:
            raise InputError(f"{where} has no {name}", f"the fields {', '.join(hints)}")
    return found


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _made(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    try:
        return kind(**values)
    except InputError as error:
        if not where:
            raise
        raise InputError(f"{where}: {error.received}", error.expected, error.change) from error


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    """Return the types of the fields, by name."""
    names = [one.name for one in fields(kind)] if is_dataclass(kind) else kind._fields
    hints = get_type_hints(kind)
    return {name: hints[name] for name in names}


@cache
def _optional(kind: Any) -> frozenset[str]:
    """Return the fields that need no value."""
    if not is_dataclass(kind):
        return frozenset(kind._field_defaults)
    has = [f for f in fields(kind) if f.default is not MISSING or f.default_factory is not MISSING]
    return frozenset(field.name for field in has)


def _usual(field: Field[Any], value: Any) -> bool:
    """Say whether a field has its default."""
    factory = field.default_factory
    usual = field.default if factory is MISSING else factory()
    return bool(getattr(value, field.name) == usual)


def _either(kinds: tuple[Any, ...], value: Any, where: str, manner: Manner) -> Any:
    """Return the value as the one of the kinds that is not None, or None."""
    if value is None and NoneType in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not NoneType)
    return decode(kind, value, where, manner)


def _several(
    make: type, kinds: tuple[Any, ...], value: Any, where: str, manner: Manner
) -> list[Any] | tuple[Any, ...]:
    """Return a list as one of one kind, or as a tuple that has a kind for each entry."""
    items = value if isinstance(value, tuple) else _checked(list, value, where, manner)
    if make is list or kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(items)
    if len(items) != len(kinds):
        raise InputError(f"{where} has {len(items)} entries", f"{len(kinds)}")
    each = enumerate(zip(kinds, items, strict=True))
    found = [decode(kind, item, f"{where}[{i}]", manner) for i, (kind, item) in each]
    return found if make is list else tuple(found)


def _plain(kind: Any, value: Any, where: str, manner: Manner) -> Any:
    if type(value) not in PLAIN[kind]:
        raise manner.wrong(where, value, kind)
    return kind(value) if kind is float else value


def _checked(kind: type, value: Any, where: str, manner: Manner) -> Any:
    if not isinstance(value, kind):
        raise manner.wrong(where, value, kind)
    return value
