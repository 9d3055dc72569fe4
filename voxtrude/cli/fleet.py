"""The simulated printers of a stack: registered once, their secrets in the data folder."""

import asyncio
import json
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from voxtrude import dynsec, files
from voxtrude.control import Control
from voxtrude.credentials import hashed, new_secret
from voxtrude.errors import SetupError
from voxtrude.mongo.printers import Printers
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now
from voxtrude.registration import (
    Identification,
    Registration,
    Standing,
    new_printer_id,
    standard_base,
)
from voxtrude.simulator.player import Account
from voxtrude.simulator.scenario import Scenario, scenario_of

DEMO = "demo"
"""The fleet of ``up --simulate``."""

NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


class Member(BaseModel):
    """A printer with its login, as ``printer add --json`` prints it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: PrinterId
    name: str
    username: str
    password: str
    base_topic: str
    scenario: Scenario | None = None

    @property
    def account(self) -> Account:
        """How it logs in."""
        return Account(self.username, SecretStr(self.password), self.base_topic)

    def registration(self, standing: Standing) -> Registration:
        """Return what the database holds of it."""
        now = utc_now()
        return Registration(
            id=self.id,
            name=self.name,
            base_topic=self.base_topic,
            created_at=now,
            alive_at=now,
            identification=PLATE,
            standing=standing,
            credential=hashed(self.password),
        )


PLATE = Identification(manufacturer="Voxtrude", model="Simulated printer", location="Demo")

_MEMBERS = TypeAdapter(list[Member])


def file(place: Path, fleet: str) -> Path:
    """Return where a fleet's logins are kept.

    Raises:
        SetupError: It is no name for a fleet.
    """
    if not NAME.fullmatch(fleet):
        raise SetupError("--fleet: a name has 1 to 20 small letters, digits and dashes")
    return place / f"fleet-{fleet}.json"


async def ensure(
    path: Path, printers: Printers, count: int, control: Control | None = None
) -> list[Member]:
    """Return ``count`` printers of the fleet in ``path``, after registering missing ones.

    Without ``control`` the broker learns of new ones when its files are rendered.

    Raises:
        SetupError: Their file cannot be read or written.
        LinkError: The database is away.
    """
    members = await asyncio.to_thread(_known, path)
    title = path.stem.removeprefix("fleet-").capitalize()
    missing = [_new(title, index) for index in range(len(members), count)]
    if missing:
        members += missing
        document = [member.model_dump(mode="json") for member in members]
        files.write(path, (json.dumps(document, indent=2) + "\n").encode())
    wanted = members[:count]
    unregistered = await printers.missing(member.id for member in wanted)
    for member in wanted:
        if member.id not in unregistered:
            continue
        registration = member.registration(Standing.PENDING if control else Standing.ACTIVE)
        await printers.add(registration)
        if control:
            await control.execute(dynsec.create_printer(registration, member.password))
            await printers.set_standing(registration.id, Standing.ACTIVE)
    return wanted


def load(path: Path) -> list[Member]:
    """Read printers with their logins: a list, or a single one.

    Raises:
        SetupError: The file cannot be read, or holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _MEMBERS.validate_python(document if isinstance(document, list) else [document])
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, ValidationError):
        raise SetupError(
            f"{path} holds no printers as `voxtrude printer add --json` does"
        ) from None


def _known(path: Path) -> list[Member]:
    return load(path) if path.exists() else []


def _new(title: str, index: int) -> Member:
    printer = new_printer_id()
    scenario = scenario_of(index)
    number = f" {index + 1}" if scenario is Scenario.RANDOM else ""
    return Member(
        id=printer,
        name=f"{title} {scenario}{number}",
        username=printer,
        password=new_secret(),
        base_topic=standard_base(printer),
        scenario=scenario,
    )
