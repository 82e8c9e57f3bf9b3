"""The way in: requests by host name to ready processes."""
