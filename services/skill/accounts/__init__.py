"""Accounts: who somebody is, and how they prove it. Nothing in here knows of HTTP."""
