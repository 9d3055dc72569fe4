"""What the models of stored documents say of their fields: the privacy page is made of it.

A pydantic model says it in its descriptions, a dataclass in the text that stands below a field.
A field without words is an error, and a test that opens the page finds it.
"""

import ast
import inspect
import textwrap
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Row:
    """One stored field: its name, what it is, and the names of its parts."""

    name: str
    words: str
    parts: tuple[str, ...] = ()


class NoWordsError(Exception):
    """A stored field is told nowhere."""


def rows(model: type[Any], *, without: frozenset[str] = frozenset()) -> list[Row]:
    """Return a row for every field of a model.

    Raises:
        NoWordsError: A field has no words.
    """
    kinds = get_type_hints(model)
    found = [
        Row(name, words, _parts(kinds[name]))
        for name, words in _described(model).items()
        if name not in without
    ]
    for row in found:
        if not row.words:
            raise NoWordsError(f"{model.__name__}.{row.name} does not say what it is")
    return found


def _described(model: type[Any]) -> dict[str, str]:
    if issubclass(model, BaseModel):
        return {name: one.description or "" for name, one in model.model_fields.items()}
    texts = _texts(model)
    return {one.name: texts.get(one.name, "") for one in fields(model)}


def _texts(model: type[Any]) -> dict[str, str]:
    """Return the texts that stand below a dataclass's fields."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    if not isinstance(tree, ast.ClassDef):
        return {}
    return {
        above.target.id: " ".join(below.value.value.split())
        for above, below in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(above, ast.AnnAssign)
        and isinstance(above.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _parts(kind: Any) -> tuple[str, ...]:  # noqa: ANN401  (any annotation)
    """Return the names of what a field consists of, at whatever depth."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _named({name: one.annotation for name, one in kind.model_fields.items()})
    if is_dataclass(kind):
        return _named(get_type_hints(kind))
    origin, args = get_origin(kind), get_args(kind)
    if is_dataclass(origin) and isinstance(origin, type):
        meant = dict(zip(getattr(origin, "__parameters__", ()), args, strict=False))
        return _named({n: meant.get(k, k) for n, k in get_type_hints(origin).items()})
    return tuple(dict.fromkeys(part for one in args for part in _parts(one)))


def _named(kinds: dict[str, Any]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for name, kind in kinds.items():
        inner = _parts(kind)
        names.update(dict.fromkeys([f"{name}.{part}" for part in inner] or [name]))
    return tuple(names)
