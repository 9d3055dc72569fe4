"""What is kept of whom, what for, and for how long: made of what is stored, so it is true."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.skill.portal import catalog
from services.skill.portal.durations import in_words
from services.skill.roles import roles
from services.skill.visitors import Guest
from services.skill.web.cookies import COOKIES
from services.skill.web.pages import page

router = APIRouter(include_in_schema=False)


@router.get("/privacy")
async def privacy(request: Request, visitor: Guest) -> Response:
    """Tell everybody."""
    settings = roles(request).settings
    retention = settings.keep.retention()
    return page(
        request,
        "privacy.html",
        visitor=visitor,
        subjects=[
            (
                about,
                [
                    (chapter, chapter.rows(), catalog.ends(chapter, retention))
                    for chapter in catalog.CHAPTERS
                    if chapter.about == about
                ],
            )
            for about in catalog.parts()
        ],
        silence=in_words(retention.printers),
        history=in_words(retention.jobs),
        cookies=COOKIES,
        can_mail=settings.smtp.host is not None,
    )
