"""Progress for people who look on: what came so far, counted from events and drawn on a terminal or in a notebook."""
