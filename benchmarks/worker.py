"""The inside of a measuring process: `python -m benchmarks.worker MODULE:FUNCTION PARAMETERS`, the latter as JSON.

The function gets the parameters, and a callable to report with, once; the report is the last line of the output.
"""

import json
import sys
from importlib import import_module

REPORT = "report: "


def report(findings: object) -> None:
    """Print the report, at once: the process may be about to end without ado."""
    print(REPORT + json.dumps(findings), flush=True)


def main() -> None:
    """Call the function."""
    module, name = sys.argv[1].split(":")
    getattr(import_module(module), name)(json.loads(sys.argv[2]), report)


if __name__ == "__main__":
    main()
