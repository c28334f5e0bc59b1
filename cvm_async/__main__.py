"""`python -m cvm_async` is `cvm-async`, where the script is not on the path."""

import sys

from cvm_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
