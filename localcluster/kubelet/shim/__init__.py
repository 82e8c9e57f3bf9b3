"""The keeper of one container's process: a small program that outlives localcluster."""
