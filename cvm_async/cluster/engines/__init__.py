"""What carries panels to workers: engines that others made, each behind the same few methods."""
