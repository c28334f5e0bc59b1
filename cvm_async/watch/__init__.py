"""A fleet watched: polled on a schedule, as snapshots, with what is different from one to the next."""
