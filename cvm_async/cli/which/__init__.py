"""Which VPSes a command is about: as typed, as flags, as found on the panel's list."""
