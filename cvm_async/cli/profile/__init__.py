"""The commands that keep profiles: asking, listing, writing."""
