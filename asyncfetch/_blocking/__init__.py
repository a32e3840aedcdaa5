"""The way from threads that cannot await to the event loop that fetches for them."""
