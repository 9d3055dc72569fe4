"""What the API answers when it does not work, as the OpenAPI document tells it.

The answers themselves are made where those of the pages are: ``web.errors``.
"""

from typing import Any, TypeAlias

from pydantic import BaseModel, Field

Answers: TypeAlias = dict[int | str, dict[str, Any]]


class Problem(BaseModel):
    """What went wrong."""

    detail: str = Field(description="a sentence for people")


class Mistake(BaseModel):
    """One mistake in what was sent; what was sent is not told back."""

    loc: list[str | int] = Field(description="where it is")
    msg: str = Field(description="what is wrong, for people")
    type: str = Field(description="what is wrong, for programs")


class Mistakes(BaseModel):
    """What was wrong in what was sent."""

    detail: list[Mistake] = Field(description="the mistakes, the first ones of many")


_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "what is asked for, and what is wrong (RFC 6750)",
        "schema": {"type": "string"},
    }
}
_WAIT = {
    "Retry-After": {
        "description": "after how many seconds to try again",
        "schema": {"type": "integer", "minimum": 0},
    }
}


def _answer(description: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"model": Problem, "description": description}
    return {**told, "headers": headers} if headers else told


COMMON: Answers = {
    401: _answer("There is no token, or it is wrong or gone.", _CHALLENGE),
    403: _answer("The token lacks the scope that is named.", _CHALLENGE),
    406: _answer("Accept does not take what this answers with."),
    422: {"model": Mistakes, "description": "Something in the request cannot be."},
    429: _answer("Too many wrong tokens came from this network.", _WAIT),
    503: _answer("The database or the broker is away for the moment.", _WAIT),
}
"""What every route may answer."""

UNKNOWN: Answers = {
    404: _answer("There is no such printer, or it belongs to another account."),
}
"""What every route of one printer may answer, too."""

BODY: Answers = {
    400: _answer("The body is no JSON."),
    413: _answer("The body is longer than 64 KiB."),
    415: _answer("The body does not say that it is JSON."),
}
"""What every route that takes a body may answer, too."""

TAKEN: Answers = {
    409: _answer(
        "Another printer has that base topic, or Voxtrude itself does; or the account has as many "
        "printers as it may."
    )
}
FULL: Answers = {
    429: _answer("Too many streams of this account are open, or too many wrong tokens.", _WAIT)
}
