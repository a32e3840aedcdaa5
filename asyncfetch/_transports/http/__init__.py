"""http and https: a request in, a Body out. Two lanes carry the bytes, one of our own wire and one of httpx."""
