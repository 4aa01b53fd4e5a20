"""The decorator of message classes: frozen, keyword-only data classes that cost next to nothing to define.

`dataclasses.dataclass` compiles half a dozen methods for each class. A command that prints one line would define a
hundred messages it never uses, so these share their methods. They count as data classes all the same: `fields` and
`asdict` work, and a data class may be derived from one.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C", bound=type)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Example:
    """What the library makes of a class like those that are decorated here."""

    field: None = None


_FIELD_KIND: Any = vars(_Example)["__dataclass_fields__"]["field"]._field_type
_PARAMS: Any = vars(_Example)["__dataclass_params__"]


def _init(self: Any, **values: Any) -> None:
    for name, field in self.__dataclass_fields__.items():
        if name in values:
            object.__setattr__(self, name, values.pop(name))
        elif field.default is not dataclasses.MISSING:
            object.__setattr__(self, name, field.default)
        else:
            raise TypeError(f"{type(self).__name__} needs {name}")
    if values:
        raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name in self.__dataclass_fields__)


def _repr(self: Any) -> str:
    pairs = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
    return f"{type(self).__qualname__}({pairs})"


def _eq(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _frozen(self: Any, name: str, value: Any = None) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change {name}")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def message(cls: C) -> C:
    """Make a message class of its annotations. A default is a value that never changes, as in the class body."""
    known: dict[str, Any] = dict(getattr(cls, "__dataclass_fields__", {}))
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        if "ClassVar" in str(annotation):
            continue
        field: Any = dataclasses.field(default=vars(cls).get(name, dataclasses.MISSING), kw_only=True)
        field.name, field.type, field._field_type = name, annotation, _FIELD_KIND
        known[name] = field
    made: Any = cls
    made.__dataclass_fields__ = known
    made.__dataclass_params__ = _PARAMS
    made.__init__, made.__repr__, made.__eq__, made.__hash__ = _init, _repr, _eq, _hash
    made.__setattr__ = made.__delattr__ = _frozen
    return cls
