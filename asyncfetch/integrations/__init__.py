"""Doors for other libraries: our transports behind their interfaces."""
