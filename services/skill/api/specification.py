"""The OpenAPI document of the API: only what programs may use."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from services.skill.api.stream import TOLD
from voxtrude import __version__

Specification: TypeAlias = dict[str, Any]

ABOUT = """\
Everything that the pages show, for programs.

A program sends an API token of an account as a Bearer token. What a token may do is in its
scopes: `printers:read`, `printers:write`, `account:read`. It sees the printers of its account,
and an administrator's also those that belong to nobody; any other printer is unknown (404).

Nothing here reaches a printer: no token can start, stop, heat or move anything.

Times are ISO 8601 in UTC, durations seconds, temperatures degrees Celsius, progress percent,
heights mm."""

_TAGS = [
    {"name": "printers", "description": "What is known of printers."},
    {"name": "live", "description": "What changes, as it changes."},
    {"name": "managing printers", "description": "Adding, changing and removing printers."},
    {"name": "account", "description": "Whose token it is, and everything that is kept."},
]


def specification(routes: Sequence[BaseRoute]) -> Specification:
    """Return the document of these routes."""
    document = get_openapi(
        title="Voxtrude",
        version=__version__,
        summary="The state of 3D printers",
        description=ABOUT,
        routes=routes,
        tags=_TAGS,
        servers=[{"url": "/"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    # The data of events is no answer of its own: it would be told nowhere.
    _, told = models_json_schema(
        [(model, "serialization") for model in TOLD.values()],
        ref_template="#/components/schemas/{model}",
    )
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = dict(sorted({**told["$defs"], **schemas}.items()))
    return document
