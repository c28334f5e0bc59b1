"""One session's calls, for it and for its fleets: actions joined, waits that share their polls."""
