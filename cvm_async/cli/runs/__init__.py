"""The runs that were kept: which there are, what became of one, and going on with it."""
