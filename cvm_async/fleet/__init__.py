"""A verb over many VPSes."""
