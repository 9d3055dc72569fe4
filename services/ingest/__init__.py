"""Listens to the printers, keeps their latest state, and announces it."""
