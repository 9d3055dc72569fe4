"""The specifications' types: where they come from, and how they are loaded."""
