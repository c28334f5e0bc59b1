"""What the live terminal shows, as lines of pieces: pure, and so the same at every width without a terminal."""
