"""Runs that survive their process: a journal written ahead of every action, and what resumes from it."""
