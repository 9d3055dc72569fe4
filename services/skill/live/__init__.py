"""The printers as they are now: what a page shows of each, and what changed."""
