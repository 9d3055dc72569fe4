"""The check of an OPC UA server as a umati client sees it: of ours, or of anybody's."""
