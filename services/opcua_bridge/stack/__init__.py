"""Connections, secure channels and sessions upon them (OPC 10000-4 and -6)."""
