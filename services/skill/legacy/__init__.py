"""The endpoints that Octolexa's and Octovox's plugins call; docs/plugins.md tells of them."""

from fastapi import FastAPI

from services.skill.legacy import connecting, reports


def install(site: FastAPI) -> None:
    """Add the pages that the plugins open, and what they report to."""
    site.include_router(connecting.router)
    site.include_router(reports.router)
