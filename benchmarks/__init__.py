"""What a poll of a fleet costs with `cvm_async`, and with what people write today, measured side by side.

    python -m benchmarks                 # everything, at most 15 minutes on two cores
    python -m benchmarks --quick         # everything, smaller, 2 minutes: does it run, and roughly how fast
    python -m benchmarks --only a,e      # some workloads; --list tells which there are
    python -m benchmarks --publish       # writes to benchmarks/published/<date>/ instead of benchmarks/results/

It needs the dependency group `bench`, nginx (Debian's nginx-light) and php (php-cli); without the last two a server
written here stands in, or the part is left out, and the report says so.

How to read the figures:

- Every run is a fresh process, so that no contender profits from or pays for another; servers are processes of
  their own. On two cores client and server have about one each, and neither is pinned.
- Rounds are interleaved: each contender runs once, then each once more, in another order, until the workload's time
  is used up. A figure is the median over rounds; in brackets its lowest and highest.
- A run ends after so many calls or so many seconds, whichever comes first. Calls a second are of calls that were
  answered and decoded. What had not ended by then is told below the table, and so is every failure.
- CPU is that of the client's process, all its threads, user and system, while it polls. Peak memory is that of the
  process, interpreter and imports included.
- "no sniffio" is what a fresh `pip install httpx` gives: httpcore imports sniffio on every request, and nothing
  installs it any more. Those contenders see an import path like a fresh venv's, with everything in it but sniffio,
  so that the import fails in the way and at the price that it does there.
- Contenders are what their users would write, tuned honestly, see `benchmarks/contenders/`. "bare" is our transport
  in a plain httpx client, without the session above it.
- Compare within a table. Absolute figures belong to the machine that is named at the top.
"""
