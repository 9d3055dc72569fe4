"""Where we depart from asyncua's public interface, and what each departure stands on.

asyncua is pinned to one release. A module that overrides or relies on its internals names
them in ``STANDS_ON``, each with a digest of its source as it was when the module was
written: a test compares, so that no upgrade changes the ground under us unseen.
"""

import hashlib
import inspect
from importlib import import_module
from typing import Any

MODULES: tuple[str, ...] = (
    "services.opcua_bridge.admission",
    "services.opcua_bridge.channels",
    "services.opcua_bridge.core",
    "services.opcua_bridge.deadbands",
    "services.opcua_bridge.decoding",
    "services.opcua_bridge.folder",
    "services.opcua_bridge.importing",
    "services.opcua_bridge.methods",
    "services.opcua_bridge.notifications",
    "services.opcua_bridge.processor",
    "services.opcua_bridge.requests",
    "services.opcua_bridge.sessions",
    "services.opcua_bridge.serverobject",
    "services.opcua_bridge.space",
    "services.opcua_bridge.subscription",
    "services.opcua_bridge.subscriptions",
    "services.opcua_bridge.tokens",
    "services.opcua_bridge.transport",
    "services.opcua_bridge.views",
    "services.opcua_bridge.virtual",
    "services.opcua_bridge.watching",
)
"""The modules of this package that depart."""


def digest(name: str) -> str:
    """Return the digest of ``module:Object.member`` as it is installed."""
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return hashlib.sha256(inspect.getsource(found).encode()).hexdigest()[:16]


def changed(module: str) -> dict[str, str]:
    """Return what ``module`` stands on and is no longer the same, with its digest of today."""
    stands_on: dict[str, str] = import_module(module).STANDS_ON
    today = {name: digest(name) for name in stands_on}
    return {name: now for name, now in today.items() if now != stands_on[name]}
