"""Pages: a template, filled. Everything is escaped, and an unknown name is an error."""

from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.skill.web import locales, static
from services.skill.web.cookies import GuestToken
from services.skill.web.notes import NOTES
from voxtrude import __version__
from voxtrude.accounts import Account, Preferences

TEMPLATES = Path(__file__).parents[1] / "portal" / "templates"


class Signed(Protocol):
    """A visitor who is signed in."""

    @property
    def account(self) -> Account:
        """Who it is."""

    @property
    def csrf(self) -> str:
        """The token for forms."""


_TEMPLATES = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,  # a newer release's templates ask for what this process does not know
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    visitor: Signed | None = None,
    **context: Any,  # noqa: ANN401  (whatever the template shows)
) -> HTMLResponse:
    """Return a page.

    Every template knows ``url``, ``path``, ``csrf``, ``visitor``, ``done`` (a text), ``version``,
    ``static(name)`` and ``asset(name)``, ``moment(at)`` and ``day(at)`` as the visitor reads them.
    """
    visitor = visitor or getattr(request.state, "visitor", None)
    preferences = visitor.account.preferences if visitor else Preferences()
    guest = None if visitor else GuestToken(request)
    state = request.app.state
    html = _TEMPLATES.get_template(template).render(
        url=state.url,
        path=request.url.path,
        visitor=visitor,
        csrf=visitor.csrf if visitor else guest,
        done=NOTES.get(request.query_params.get("done", "")),
        version=__version__,
        static=static.address,
        asset=lambda name: static.asset(state.assets, name),
        moment=lambda at: locales.moment(at, preferences),
        day=lambda at: locales.day(at, preferences),
        **context,
    )
    response = HTMLResponse(html, status)
    if guest:
        guest.keep(request, response)
    return response
