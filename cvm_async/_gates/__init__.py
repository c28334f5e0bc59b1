"""Who may go now: concurrency, host nodes, breakers. Knows no HTTP."""
