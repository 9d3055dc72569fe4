"""What a machine is and what it says: pure, from a printer's document to readings by path."""
