"""HTTP/1.1 below httpx, one connection a request; knows nothing of CVM."""
