"""People: oneself, all of them, and those of one app."""
