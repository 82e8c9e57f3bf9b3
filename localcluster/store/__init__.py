"""The objects: what they are, how they are checked, merged, kept and watched."""
