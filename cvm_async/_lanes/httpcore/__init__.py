"""What takes more than plain HTTP/1.1 goes over httpcore: proxies, HTTP/2, Unix sockets, streamed bodies."""
