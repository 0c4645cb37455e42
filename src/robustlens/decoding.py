"""From JSON to the dataclass it was: each field of the type that the class says, or a refusal.

    decode(Number, {"value": 0.5, "low": 0.4, "high": 0.6, "n": 90}, "number")

Words, whole and other numbers, truth values, enumerations, dataclasses, mappings with words as
keys, tuples of one kind, and `X | None`. Fields the class does not have are passed over, so that
an older reader takes a newer file.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from robustlens.errors import InputError, UnknownName

PLAIN: Mapping[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
    NoneType: (NoneType,),
}
"""What JSON may hold where a class says this: a whole number is a float, true is no number."""


def decode(kind: Any, value: Any, where: str) -> Any:
    """Return a value of JSON as one of `kind`; `where` names it in what is raised.

    Raises:
        InputError: a value of another type, a field that is missing, or what the class refuses.
        UnknownName: a word that the enumeration does not have.
    """
    if kind is Any:
        return value
    if get_origin(kind) in (Union, UnionType):
        return _either(get_args(kind), value, where)
    if kind in PLAIN:
        return _plain(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        known = [str(member.value) for member in kind]
        if value not in known:
            raise UnknownName(kind.__name__.lower(), str(value), known)
        return kind(value)
    if is_dataclass(kind):
        return _made(
            kind, decode_fields(get_type_hints(kind), value, where, _defaults(kind)), where
        )
    if get_origin(kind) is tuple:
        items = _checked(list, value, where)
        return tuple(decode(get_args(kind)[0], v, f"{where}[{i}]") for i, v in enumerate(items))
    inner = get_args(kind)[1]
    return {
        key: decode(inner, v, f"{where}.{key}") for key, v in _checked(dict, value, where).items()
    }


def decode_fields(
    hints: Mapping[str, Any], value: Any, where: str, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the fields of a JSON object, each as `hints` says; `optional` ones may be missing.

    Raises as `decode`.
    """
    table, found = _checked(dict, value, where), {}
    for name, kind in hints.items():
        if name in table:
            found[name] = decode(kind, table[name], f"{where}.{name}")
        elif name not in optional:
            raise InputError(f"{where} has no {name}", f"the fields {', '.join(hints)}")
    return found


def _made(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where}: {error.received}", error.expected, error.change) from error


def _defaults(kind: Any) -> frozenset[str]:
    """Return the fields that need no value."""
    has = [f for f in fields(kind) if f.default is not MISSING or f.default_factory is not MISSING]
    return frozenset(field.name for field in has)


def _either(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """Return the value as the one of the kinds that is not None, or None."""
    if value is None and NoneType in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not NoneType)
    return decode(kind, value, where)


def _plain(kind: Any, value: Any, where: str) -> Any:
    allowed = PLAIN[kind]
    if type(value) not in allowed:
        raise InputError(f"{where} is a {type(value).__name__}", f"a {kind.__name__}")
    return kind(value) if kind is float else value


def _checked(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise InputError(f"{where} is a {type(value).__name__}", f"a {kind.__name__}")
    return value
