"""How a printer comes to us: what to enter in OctoPrint, and why nothing arrives."""
