"""All tests; reported as Rust's test runner does, whose figures ./test adds up."""

import sys, unittest

from asynchronous import Asynchronous
from contract import Contract
from forks import Forks
from official import Official

if __name__ == "__main__":
    result = unittest.main(verbosity=2, exit=False, warnings="ignore").result
    failed, ignored = len(result.failures) + len(result.errors), len(result.skipped)
    passed = max(0, result.testsRun - failed - ignored)
    word = "ok" if passed and not failed else "FAILED"
    print(f"test result: {word}. {passed} passed; {failed} failed; {ignored} ignored")
    sys.exit(word != "ok")
