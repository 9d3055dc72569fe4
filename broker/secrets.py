"""The service accounts' secrets: made once, kept in one file that only its owner reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from voxtrude import files
from voxtrude.credentials import Credential, hashed, new_secret
from voxtrude.dynsec import SERVICES
from voxtrude.errors import SetupError


class _Account(BaseModel):
    username: str
    password: Annotated[str, Field(min_length=1)]


_ACCOUNTS = TypeAdapter(dict[str, _Account])


def ensure(path: Path) -> dict[str, str]:
    """Return each service account's secret, after making those that are missing.

    The file is ``{"ingest": {"username": "ingest", "password": "..."}, ...}``.

    Raises:
        SetupError: The file cannot be read or written.
    """
    known = load(path) if path.exists() else {}
    missing = [name for name in SERVICES if name not in known]
    if missing:
        known.update({name: new_secret() for name in missing})
        document = {name: {"username": name, "password": secret} for name, secret in known.items()}
        files.write(path, (json.dumps(document, indent=2) + "\n").encode())
    return known


def load(path: Path) -> dict[str, str]:
    """Return the secrets by account.

    Raises:
        SetupError: The file is not there, or is not ours.
    """
    try:
        accounts = _ACCOUNTS.validate_json(path.read_bytes())
    except OSError as error:
        raise SetupError(
            f"cannot read the service accounts in {path}: {error.strerror}; "
            "`python -m broker render` makes them"
        ) from None
    except ValidationError:
        raise SetupError(
            f"{path} does not hold the service accounts: delete it, render again, and "
            "restart the broker and the services"
        ) from None
    return {name: account.password for name, account in accounts.items() if name in SERVICES}


def credentials(secrets: Mapping[str, str]) -> dict[str, Credential]:
    """Return what the broker is told of each service account's secret."""
    return {name: hashed(secret) for name, secret in secrets.items()}
