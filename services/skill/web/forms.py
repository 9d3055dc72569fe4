"""What the fields of our forms hold, and where a form may lead."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form

HOME = "/printers"
LONGEST_NEXT = 500

Email = Annotated[str, Form(max_length=254)]
Password = Annotated[str, Form(max_length=1024)]
Code = Annotated[str, Form(max_length=200)]
Text = Annotated[str, Form(max_length=200)]


def next_path(wanted: str | None) -> str:
    """Return where to go after signing in: a path of ours, or our first page.

    A browser reads a backslash as a slash and leaves out tabs and newlines, so ``//host`` has
    many spellings: only what is plainly a path is followed.
    """
    if (
        not wanted
        or len(wanted) > LONGEST_NEXT
        or not wanted.startswith("/")
        or "//" in wanted
        or "\\" in wanted
        or not (wanted.isascii() and wanted.isprintable())
        or " " in wanted
    ):
        return HOME
    return wanted


def done(path: str, code: str) -> str:
    """Return the address of a page that says what has been done; see ``notes``."""
    return f"{path}?{urlencode({'done': code})}"
