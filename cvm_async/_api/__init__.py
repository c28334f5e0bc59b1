"""The panel's API as values: what to send, and how to read what comes back. No I/O."""
