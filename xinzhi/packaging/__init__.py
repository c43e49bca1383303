"""Wheels that carry a pipeline together with the code it runs on, and the proof that they work."""
