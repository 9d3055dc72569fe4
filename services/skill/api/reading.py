"""The OpenAPI document as people read it: operations and models in words. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_LIMITS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "{} characters or more"),
    ("maxLength", "{} characters or fewer"),
    ("maxItems", "{} or fewer"),
    ("pattern", "like {}"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A type in words; ``models`` are those that it names."""

    words: str
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a part of a model."""

    name: str
    kind: Kind
    words: str
    required: bool
    limits: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back."""

    status: str
    phrase: str
    words: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: Sequence[str]
    scopes: Sequence[str]
    fields: Sequence[Field]
    body: Kind | None
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Chapter:
    """Operations that belong together."""

    name: str
    words: str
    operations: Sequence[Operation]


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of something sent or answered."""

    name: str
    words: str
    fields: Sequence[Field]
    choices: Sequence[str]


def chapters(document: Schema) -> list[Chapter]:
    """Return all operations, by their tags."""
    return [
        Chapter(
            tag["name"],
            tag["description"],
            [one for one, tags in _operations(document) if tag["name"] in tags],
        )
        for tag in document["tags"]
    ]


def models(document: Schema) -> list[Model]:
    """Return all models."""
    return [
        Model(
            name,
            _line(schema.get("description", "")),
            [
                _field(part, one, required=part in schema.get("required", ()))
                for part, one in schema.get("properties", {}).items()
            ],
            [str(one) for one in schema.get("enum", ())],
        )
        for name, schema in sorted(document["components"]["schemas"].items())
    ]


def paragraphs(text: str) -> list[str]:
    """Return a text's paragraphs; each item of a list is one."""
    marked = text.replace("\n* ", "\n\n* ")
    return [_line(one) for one in marked.split("\n\n") if one.strip()]


def _operations(document: Schema) -> Iterator[tuple[Operation, Sequence[str]]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method not in item:
                continue
            told = item[method]
            body = told.get("requestBody", {}).get("content", {}).get("application/json")
            yield (
                Operation(
                    id=told["operationId"],
                    method=method.upper(),
                    path=path,
                    summary=told["summary"],
                    paragraphs=paragraphs(told.get("description", "")),
                    scopes=[
                        scope
                        for one in told.get("security", ())
                        for scopes in one.values()
                        for scope in scopes
                    ],
                    fields=[
                        _field(
                            one["name"],
                            {"description": one.get("description", ""), **one["schema"]},
                            required=one.get("required", False),
                            place=one["in"],
                        )
                        for one in told.get("parameters", ())
                    ],
                    body=_kind(body["schema"]) if body else None,
                    answers=[
                        _answer(status, one) for status, one in sorted(told["responses"].items())
                    ],
                ),
                told["tags"],
            )


def _answer(status: str, told: Schema) -> Answer:
    content = told.get("content", {})
    media = next(iter(content), "")
    kind = _kind(content[media]["schema"]) if media and "schema" in content[media] else None
    if kind and not kind.models:
        kind = Kind(media)
    words = _line(told.get("description", ""))
    phrase = HTTPStatus(int(status)).phrase
    return Answer(status, phrase, "" if words == "Successful Response" else words, kind)


def _field(name: str, schema: Schema, *, required: bool, place: str = "") -> Field:
    # A value that may be null has its limits in a variant.
    told = {**{key: value for one in schema.get("anyOf", ()) for key, value in one.items()}}
    told |= {key: value for key, value in schema.items() if key != "anyOf"}
    limits = [text.format(told[key]) for key, text in _LIMITS if key in told]
    if told.get("default") is not None:
        limits.append(f"else {told['default']}")
    words = _line(schema.get("description", ""))
    return Field(name, _kind(schema), words, required, tuple(limits), place)


def _kind(schema: Schema) -> Kind:
    """Return a type in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Kind(name, (name,))
    if "anyOf" in schema:
        variants = [_kind(one) for one in schema["anyOf"]]
        return Kind(
            " or ".join(one.words for one in variants),
            tuple(model for one in variants for model in one.models),
        )
    for part, words in (("items", "list"), ("additionalProperties", "object")):
        if isinstance(schema.get(part), Mapping):
            inner = _kind(schema[part])
            return Kind(f"{words} of {inner.words}", inner.models)
    choices = schema.get("enum", [schema["const"]] if "const" in schema else ())
    if choices:
        return Kind(" or ".join(f"“{one}”" for one in choices))
    return Kind(str(schema.get("format", schema.get("type", "anything"))))


def _line(text: str) -> str:
    return " ".join(text.split())
