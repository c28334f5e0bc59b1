"""One call out and its answer back: tokens, timeouts, retries, and what each failure means."""
