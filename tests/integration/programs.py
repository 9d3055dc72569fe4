"""Programs that use the API: each with a token that its owner made on the page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.integration.portals import Portal, Visitor
from voxtrude.accounts import Scope

PLAIN = re.compile(r"vxt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")


def token(visitor: Visitor, *scopes: Scope, name: str = "a program") -> str:
    """Make a token as its owner does; without scopes with all of them."""
    form = visitor.form("/account/tokens", "/account/tokens")
    chosen = [scope.value for scope in scopes or Scope]
    made = visitor.post(form.action, data={**form.fields, "name": name, "scopes": chosen})
    found = PLAIN.search(made.text)
    assert found, made.text
    return found[0]


def program(portal: Portal, plain: str | None = None) -> httpx.Client:
    """Return a client of the API, with a token or without."""
    headers = {} if plain is None else {"authorization": f"Bearer {plain}"}
    return portal.closing.enter_context(
        httpx.Client(base_url=f"{portal.url}/api/v1", headers=headers, timeout=30)
    )


@contextmanager
def stream(client: httpx.Client, **query: str) -> Iterator["Stream"]:
    """Open the stream of events until the block ends."""
    with client.stream("GET", "/stream", params=query) as response:
        assert response.status_code == 200, response.read()
        yield Stream(response)


class Stream:
    """Server-sent events, read one by one."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def next(self) -> tuple[str, str]:
        """Return the next event and its data; comments are passed over."""
        event, data = "message", []
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data.append(value)
            elif not line and data:
                return event, "\n".join(data)
        raise EOFError

    def until(self, event: str) -> Any:  # noqa: ANN401  (whatever JSON holds)
        """Return the data of the next such event, read as JSON."""
        while True:
            name, data = self.next()
            if name == event:
                return httpx.Response(200, text=data).json()
