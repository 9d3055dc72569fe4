"""The pages."""

from fastapi import FastAPI

from services.skill.portal import (
    account,
    adding,
    administration,
    entry,
    joining,
    leaving,
    managing,
    printers,
    privacy,
    stream,
)

_MODULES = (
    entry,
    joining,
    account,
    leaving,
    administration,
    privacy,
    adding,
    managing,
    printers,
    stream,
)


def install(site: FastAPI) -> None:
    """Add every page to ``site``."""
    for module in _MODULES:
        site.include_router(module.router)
