"""What GitHub tells of a repository, and what is to be done about it: rules over plain data, which ask nobody."""
