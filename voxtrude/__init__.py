"""A fleet of printers as every service sees it: a pure core, and the doors to the outside.

Read in this order: printer, messages, reducer. Those three import nothing but the
standard library's data types. Everything else here turns bytes into messages, states
into documents, or opens a door to a broker or a database.
"""

from importlib.metadata import version

__version__ = version("voxtrude")
