"""What we write to people. Plain text, and no more than they need to know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from voxtrude.accounts import Purpose
from voxtrude.mongo.tickets import LIFETIMES

_NOT_YOU = "If you have not asked for this, do nothing."


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail."""

    subject: str
    text: str


def confirm(url: str, code: str) -> Letter:
    """Ask somebody who signed up to confirm the address."""
    return Letter(
        "Confirm your e-mail address",
        f"Somebody, most likely you, has made an account at {url} with this address.\n\n"
        f"Open this link within {_days(LIFETIMES[Purpose.VERIFY])} to confirm it:\n\n"
        f"{url}/verify/{code}\n\n"
        f"{_NOT_YOU} The account goes by itself.\n",
    )


def known(url: str) -> Letter:
    """Tell somebody who signed up again."""
    return Letter(
        "You have an account already",
        f"Somebody, most likely you, wanted to make an account at {url} with this address, "
        f"and it has one already.\n\n"
        f"Sign in:\n\n{url}/sign-in\n\n"
        f"If you have forgotten the password:\n\n{url}/forgot\n\n{_NOT_YOU}\n",
    )


def reset(url: str, code: str) -> Letter:
    """Send the link to choose another password."""
    return Letter(
        "Choose a new password",
        f"Somebody, most likely you, has forgotten the password of this address at {url}.\n\n"
        f"Open this link within {_days(LIFETIMES[Purpose.RESET])} to choose a new one:\n\n"
        f"{url}/reset/{code}\n\n"
        f"{_NOT_YOU} The password stays as it is.\n",
    )


def invitation(url: str, code: str) -> Letter:
    """Invite somebody."""
    return Letter(
        "You are invited to watch 3D printers",
        f"You are invited to make an account at {url}, to see how 3D printers are.\n\n"
        f"Open this link within {_days(LIFETIMES[Purpose.INVITE])}; it works once:\n\n"
        f"{url}/join/{code}\n",
    )


def password_changed(url: str) -> Letter:
    """Tell somebody that the password is another one."""
    return Letter(
        "Your password was changed",
        f"The password of your account at {url} was changed, and every other browser was "
        f"signed out.\n\n"
        f"If that was not you, choose a new one at once:\n\n{url}/forgot\n",
    )


def factor_changed(url: str, *, there: bool) -> Letter:
    """Tell somebody that signing in asks for something else now."""
    what = "now asks for a code besides the password" if there else "now asks for no code any more"
    return Letter(
        "Your second factor was changed",
        f"Signing in to your account at {url} {what}.\n\n"
        f"If that was not you, choose a new password at once:\n\n{url}/forgot\n",
    )


def silent(url: str, names: Sequence[str], after: timedelta, kept: timedelta) -> Letter:
    """Warn somebody whose printers will be forgotten."""
    few = len(names) == 1
    which = names[0] if few else f"{len(names)} printers"
    listed = "".join(f"  {name}\n" for name in names)
    return Letter(
        f"Nothing heard from {which} for {_days(after)}",
        f"We have heard nothing from {'this printer' if few else 'these printers'} "
        f"for {_days(after)}:\n\n{listed}\n"
        f"After {_days(kept)} of silence everything that is stored of a printer is removed, "
        f"its registration and its key, too. "
        f"Switch it on, or choose on its page to keep it:\n\n{url}/printers\n",
    )


def _days(time: timedelta) -> str:
    if time < timedelta(days=2):
        hours = max(1, round(time.total_seconds() / 3600))
        return f"{hours} hour{'s' if hours > 1 else ''}"
    return f"{time.days} days"
