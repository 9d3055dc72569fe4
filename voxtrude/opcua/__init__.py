"""What the bridge and the command line share of OPC UA: users, trust, and the check of a server."""
