"""What the published figures are measured with; see README.md."""
