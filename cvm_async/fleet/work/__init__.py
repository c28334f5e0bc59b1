"""What is done to the VPSes of a fleet: one at a time, all of them, as they come, again and again."""
