"""Tests of the command line, in this process where that is possible, on simulated panels in threads."""
