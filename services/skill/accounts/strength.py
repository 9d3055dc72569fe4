"""Which passwords are too easy to guess.

No rule about digits or signs (NIST SP 800-63B, 3.1.1.2): a length, and how many guesses zxcvbn
thinks an attacker needs who knows common passwords, keyboards and the address.
"""

import asyncio
import re
from collections.abc import Sequence

from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # it has no types

from services.skill.accounts.refusals import Refusal

SHORTEST, LONGEST = 10, 128  # characters
LEAST_SCORE = 2  # of 4: a million guesses, which the throttle turns into years
LOOKED_AT = 32  # characters; what zxcvbn takes grows fast with those that stand for letters


class Strength:
    """Judges passwords, one at a time: zxcvbn keeps what it is told in a global variable."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(1)

    async def check(self, password: str, email: str) -> None:
        """Return where the password may be used with the address.

        Raises:
            Refusal: It may not; the text says why.
        """
        if len(password) < SHORTEST:
            raise Refusal("weak-password", f"A password needs at least {SHORTEST} characters.")
        if len(password) > LONGEST:
            raise Refusal("weak-password", f"A password has at most {LONGEST} characters.")
        if not _is_text(password):
            raise Refusal("weak-password", "A password is made of characters that can be written.")
        own = [email, *email.split("@"), *re.split(r"\W+", email), "voxtrude", "octoprint"]
        async with self._free:
            score = await asyncio.to_thread(_score, password[:LOOKED_AT], own)
        if score < LEAST_SCORE:
            raise Refusal("weak-password")


def _is_text(password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can carry
        return False
    return True


def _score(password: str, own: Sequence[str]) -> int:
    return int(zxcvbn(password, user_inputs=own)["score"])
