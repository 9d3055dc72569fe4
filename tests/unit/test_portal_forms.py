"""Where a form may lead."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.skill.web.forms import HOME, next_path

OURS = "https://printers.example.org"


@pytest.mark.parametrize(
    "path",
    ["/", "/printers", "/printers/prn-0123456789abcdef?hours=6", "/account/data", "/a%20b#c"],
)
def test_a_path_of_ours_is_followed(path: str) -> None:
    assert next_path(path) == path


@pytest.mark.parametrize(
    "elsewhere",
    [
        None,
        "",
        "printers",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: a=b",
        "\t//evil.example",
        " //evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/printers//evil.example",
        "/\x00",
        "/ü",
        "/\u2028/evil.example",
        "/" + "a" * 1000,
    ],
)
def test_anything_else_leads_home(elsewhere: str | None) -> None:
    assert next_path(elsewhere) == HOME


@given(st.text(alphabet=st.sampled_from("/\\:@?#.%\t\n\r \x00evilhttps"), max_size=20))
def test_nobody_is_led_to_another_site(wanted: str) -> None:
    # Browsers drop tabs and newlines, and read a backslash as a slash.
    target = next_path(wanted).replace("\\", "/")
    for gone in "\t\r\n":
        target = target.replace(gone, "")
    assert urlsplit(urljoin(OURS, target)).netloc == urlsplit(OURS).netloc
