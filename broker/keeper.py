"""The broker's accounts, brought back in line with the registrations.

The database is the truth and the broker's file a copy of it: what differs is repaired
here. The broker is asked before the database: whoever adds a printer stores it first, so
an account without a registration was removed, and never is a new one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from voxtrude import dynsec
from voxtrude.control import Control
from voxtrude.dynsec import SERVICES
from voxtrude.registration import Registration

log = structlog.get_logger()

Restart = Callable[[], Awaitable[None]]
"""Stop the broker, render its file, start it again."""


class Source(Protocol):
    """Where registrations come from."""

    async def registrations(self) -> list[Registration]:
        """Return all of them, whatever their standing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The accounts that were wrong at the broker.

    ``missing`` could not be made, since nobody knows their secrets any more: they come
    back when the file is rendered and the broker restarted.
    """

    deleted: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there was any."""
        return bool(self.deleted or self.disabled or self.enabled or self.missing)


class Keeper:
    """Reconciles; keeps in mind what a restart did not cure, so as not to try for ever."""

    def __init__(self, source: Source, restart: Restart | None = None) -> None:
        self._source = source
        self._restart = restart
        self._incurable: frozenset[str] = frozenset()

    async def reconcile(self, control: Control) -> Difference:
        """Repair the broker's accounts, and return what was wrong.

        A restart ends the session behind ``control``.

        Raises:
            LinkError: The broker or the database went away.
        """
        present = await control.clients()
        difference, contested = await self._compare(control, present)
        await control.execute(
            [command for name in difference.deleted for command in dynsec.delete(name)]
            + [command for name in difference.disabled for command in dynsec.disable(name)]
            + [command for name in difference.enabled for command in dynsec.enable(name)]
        )
        if difference.found:
            log.warning(
                "broker accounts differed",
                deleted=difference.deleted,
                disabled=difference.disabled,
                enabled=difference.enabled,
                missing=difference.missing,
                overlapping=contested,
            )
        await self._bring_back(frozenset(difference.missing))
        return difference

    async def _compare(
        self, control: Control, present: dict[str, bool]
    ) -> tuple[Difference, tuple[str, ...]]:
        registrations = await self._source.registrations()
        admitted: dict[str, bool] = {
            **dict.fromkeys(SERVICES, True),
            **{str(name): enabled for name, enabled in dynsec.admissions(registrations).items()},
        }
        registered = {one.id for one in registrations}
        absent = sorted(name for name in admitted if name not in present)
        difference = Difference(
            deleted=tuple(
                name for name in present if name not in registered and name not in SERVICES
            ),
            disabled=tuple(
                name for name, enabled in present.items() if enabled and admitted.get(name) is False
            ),
            enabled=tuple(
                name for name, enabled in present.items() if not enabled and admitted.get(name)
            ),
            # A page of the list can miss one while another is being removed: ask again.
            # One that may not log in is not missed.
            missing=tuple(
                [name for name in absent if admitted[name] and not await control.knows(name)]
            ),
        )
        return difference, tuple(sorted(dynsec.contested(registrations)))

    async def _bring_back(self, missing: frozenset[str]) -> None:
        if not missing:
            self._incurable = frozenset()
        elif self._restart is None:
            log.error("render the broker's files and restart it to bring accounts back")
        elif missing <= self._incurable:
            log.error("a restart of the broker did not bring accounts back", missing=len(missing))
        else:
            self._incurable = missing
            log.warning("restarting the broker to bring accounts back", missing=len(missing))
            await self._restart()
