"""The web application, made by one function: tests call it with roles of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from services.skill import api, legacy, metrics, portal
from services.skill.roles import Roles
from services.skill.web import errors, headers, static
from voxtrude import __version__

MAX_BODY = 64 * 1024  # bytes; nothing that people or programs send us is longer


class _State(TypedDict):
    roles: Roles


def make_site(roles: Roles) -> FastAPI:
    """Return the application with every route."""

    @asynccontextmanager
    async def lifespan(_site: FastAPI) -> AsyncIterator[_State]:
        yield {"roles": roles}

    site = FastAPI(
        title="Voxtrude",
        version=__version__,
        docs_url=None,  # its pages fetch scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # api.openapi serves what programs may use
        lifespan=lifespan,
    )
    errors.install(site)
    # Within what puts our headers on each answer: FastAPI's own parameter would stand outside.
    site.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY)
    headers.install(site, roles.settings.url)
    static.install(site, roles.settings.web.assets)
    metrics.install(site)
    api.install(site)
    legacy.install(site)
    portal.install(site)
    return site
