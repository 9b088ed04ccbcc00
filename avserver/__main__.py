"""`python -m avserver` is `avserver`."""

import sys

from avserver.cli import main

if __name__ == "__main__":
    sys.exit(main())
