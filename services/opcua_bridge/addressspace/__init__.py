"""The nodes, and the services that only read them."""
