"""What people see: the portal, the API, and Alexa."""
