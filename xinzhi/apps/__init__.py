"""Applications: thin, built on the components."""
