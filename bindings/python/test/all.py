"""All tests with the classic SDK."""

import sys

from asynchronous import Asynchronous
from contract import Contract
from forks import Forks
from official import Official
from prefork import Prefork
from report import main

if __name__ == "__main__":
    sys.exit(main())
