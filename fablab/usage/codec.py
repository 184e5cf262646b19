"""States of the fold as JSON and back: frozen dataclasses of numbers, texts, tuples, dicts and each other.

A key that a newer or older version does not know is left out; a field that is missing keeps its default. So a saved
state survives an upgrade.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """JSON-able form: dataclasses become objects without their default values, tuples lists."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
        return {name: to_json(part) for name, part, default in pairs if part != default}
    if isinstance(value, dict):
        return {key: to_json(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(part) for part in value]
    return value


def from_json(kind: type[T], value: Mapping[str, Any]) -> T:
    """The dataclass `kind` that `to_json` made `value` of."""
    known = _readers(kind) if kind not in _KNOWN else _KNOWN[kind]
    return kind(**{name: known[name](part) for name, part in value.items() if name in known})


_KNOWN: dict[type, dict[str, Callable[[Any], Any]]] = {}


def _readers(kind: type[Any]) -> dict[str, Callable[[Any], Any]]:
    """How each field of a dataclass is read; found out once."""
    hints = get_type_hints(kind)
    _KNOWN[kind] = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    return _KNOWN[kind]


def _reader(hint: Any) -> Callable[[Any], Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        part = _reader(next(each for each in inner if each is not type(None)))
        return lambda value: None if value is None else part(value)
    if origin is tuple:
        if inner[-1] is Ellipsis:
            part = _reader(inner[0])
            return lambda value: tuple(part(each) for each in value)
        parts = [_reader(each) for each in inner]
        return lambda value: tuple(read(each) for read, each in zip(parts, value, strict=True))
    if origin is dict:
        part = _reader(inner[1])
        return lambda value: {key: part(each) for key, each in value.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda value: from_json(hint, value)
    return lambda value: value
