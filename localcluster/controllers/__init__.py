"""Controllers: each compares what is asked for with what is there, and takes the next step."""
