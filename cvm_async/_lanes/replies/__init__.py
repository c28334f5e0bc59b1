"""One HTTP/1.1 answer from bytes, by either parser."""
