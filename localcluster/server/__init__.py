"""The HTTP side: requests in, objects, streams and refusals out."""
