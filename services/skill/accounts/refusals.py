"""What is refused to people, in words for them.

The text says the same whether or not an address has an account.
"""

from typing import Literal

from voxtrude.errors import VoxtrudeError

Code = Literal[
    "bad-email",
    "bad-name",
    "closed",
    "expired",
    "factor-lost",
    "factor-there",
    "gone",
    "last-administrator",
    "not-verified",
    "other-address",
    "taken",
    "throttled",
    "too-many",
    "weak-password",
    "wrong-code",
    "wrong-login",
    "wrong-password",
]

_TEXTS: dict[Code, str] = {
    "bad-email": "This is no e-mail address.",
    "bad-name": "A name has 1 to 64 printable characters.",
    "closed": "Nobody can make an account here without an invitation.",
    "expired": "This link or code was used already, or it is too old. Ask for a new one.",
    "factor-lost": (
        "Your second factor cannot be read any more. Ask the administrator to remove it."
    ),
    "factor-there": "You have a second factor already. Turn it off first.",
    "gone": "This account does not exist any more.",
    "last-administrator": (
        "You are the only administrator. Make somebody else one first: they need one."
    ),
    "not-verified": (
        "This address is not confirmed yet. Open the link in the e-mail that we sent you, "
        "or create the account again to get a new one."
    ),
    "other-address": "This invitation is for another e-mail address.",
    "taken": "This address has an account already. Sign in instead.",
    "throttled": "That was too often. Wait a while, then try again.",
    "too-many": "You have too many of them. Remove one first.",
    "weak-password": "This password is easy to guess. Take a longer or a less common one.",
    "wrong-code": "This code is not right, or it was used already.",
    "wrong-login": "E-mail address or password is wrong.",
    "wrong-password": "The password is wrong.",
}


class Refusal(VoxtrudeError):  # noqa: N818  (it is an answer to somebody)
    """Somebody may not do that, or not now.

    ``text`` is a sentence for people and holds nothing of what they entered; ``retry_after``
    is in seconds.
    """

    def __init__(
        self, code: Code, text: str | None = None, *, retry_after: int | None = None
    ) -> None:
        self.code = code
        self.text = text or _TEXTS[code]
        self.retry_after = retry_after
        super().__init__(f"{code}: {self.text}")
