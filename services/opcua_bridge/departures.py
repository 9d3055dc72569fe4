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
    "services.opcua_bridge.access.admission",
    "services.opcua_bridge.stack.channels",
    "services.opcua_bridge.stack.core",
    "services.opcua_bridge.subscriptions.deadbands",
    "services.opcua_bridge.stack.decoding",
    "services.opcua_bridge.addressspace.folder",
    "services.opcua_bridge.model.importing",
    "services.opcua_bridge.addressspace.methods",
    "services.opcua_bridge.subscriptions.notifications",
    "services.opcua_bridge.stack.processor",
    "services.opcua_bridge.stack.requests",
    "services.opcua_bridge.stack.sessions",
    "services.opcua_bridge.serverobject",
    "services.opcua_bridge.addressspace.space",
    "services.opcua_bridge.subscriptions.subscription",
    "services.opcua_bridge.subscriptions.service",
    "services.opcua_bridge.access.tokens",
    "services.opcua_bridge.stack.transport",
    "services.opcua_bridge.addressspace.views",
    "services.opcua_bridge.addressspace.virtual",
    "services.opcua_bridge.addressspace.watching",
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
