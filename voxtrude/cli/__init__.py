"""``voxtrude``, the operator's tool: it starts the native stack, asks it and looks after it.

It stands above everything else here: it may import ``broker`` and a service's settings.
Read in this order: site (what a command works on), native (the stack), then a module a
command.
"""
