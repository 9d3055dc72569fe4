"""OPC UA events: what happened, who gets it, and which fields."""
