"""REST for programs: everything that the pages show, and the OpenAPI document that tells of it."""

from collections import defaultdict

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from services.skill.api import account, documentation, managing, printers, stream
from services.skill.api.specification import specification

_ROUTERS = (
    printers.router,
    printers.single,
    managing.router,
    managing.one,
    account.router,
    stream.router,
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


def install(site: FastAPI) -> None:
    """Add the API and its documentation to ``site``."""
    routes = [one for router in _ROUTERS for one in router.routes]
    for router in _ROUTERS:
        site.include_router(router)
    site.include_router(_others([one for one in routes if isinstance(one, APIRoute)]))
    documentation.install(site, specification(routes))


def _others(routes: list[APIRoute]) -> APIRouter:
    """Return what answers methods that a path does not know, with all that it knows.

    The framework would name those of the path's first route only.
    """
    known: dict[str, set[str]] = defaultdict(set)
    for route in routes:
        known[route.path] |= route.methods or set()
    router = APIRouter(include_in_schema=False)
    for path, methods in known.items():
        allow = ", ".join(sorted(methods))

        async def refuse(_request: Request, allow: str = allow) -> Response:
            raise HTTPException(405, headers={"Allow": allow})

        router.add_route(path, refuse, methods=sorted(_METHODS - methods))
    return router
