"""Fleets over many machines: an engine hands panels to workers, and a journal on Postgres keeps what each has sent."""
