"""A row's slots as templates want them: each element's attributes ready to stand in its tag."""

from markupsafe import Markup

from services.skill.live.rows import Slots

_ATTRIBUTE = Markup(' {}="{}"')


class Filled(dict[str, str]):
    """Slots by name. Sorted by element once, since a page of a large fleet has thousands."""

    def __init__(self, slots: Slots) -> None:
        super().__init__(slots)
        self._attributes: dict[str, Markup] = {}
        for slot, value in slots.items():
            element, at, name = slot.partition("@")
            if at and value:
                told = self._attributes.get(element, Markup())
                self._attributes[element] = told + _ATTRIBUTE.format(name, value)

    def attributes(self, element: str) -> Markup:
        """Return the attributes of an element, each with a space before it."""
        return self._attributes.get(element, Markup())


BLANK = Filled({})
"""Of nobody: what live.js copies for a printer that is new."""
