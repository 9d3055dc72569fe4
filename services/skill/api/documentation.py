"""The OpenAPI document, and the page that tells the same to people."""

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.skill.api import reading
from services.skill.api.specification import Specification
from services.skill.visitors import Guest
from services.skill.web.pages import page

DOCUMENT = "/api/openapi.json"


def install(site: FastAPI, document: Specification) -> None:
    """Serve ``document`` to programs and to people."""
    router = APIRouter(include_in_schema=False)
    about = reading.paragraphs(document["info"]["description"])
    chapters, models = reading.chapters(document), reading.models(document)

    @router.get(DOCUMENT)
    async def openapi() -> Response:
        """Return the document."""
        return JSONResponse(document)

    @router.get("/api")
    async def documentation(request: Request, visitor: Guest) -> Response:
        """Show everything that can be asked for."""
        return page(
            request,
            "api.html",
            visitor=visitor,
            about=about,
            chapters=chapters,
            models=models,
            document=DOCUMENT,
        )

    @router.get("/api/docs")
    async def elsewhere() -> Response:
        """Show the way to whoever looks where other programs have it."""
        return RedirectResponse("/api", 308)

    site.include_router(router)
