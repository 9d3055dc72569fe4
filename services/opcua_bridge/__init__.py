"""The OPC UA bridge: every printer a typed umati machine, fed from the retained state topics."""
