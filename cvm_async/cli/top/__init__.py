"""`cvm-async top`: a fleet live in a terminal. What it shows is made by pure functions (`lines/`); widgets draw it."""
