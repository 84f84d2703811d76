"""Runs tests and reports them as Rust's test runner does, whose figures ./test adds up."""

import unittest


def main():
    """The exit code."""
    result = unittest.main(module="__main__", verbosity=2, exit=False, warnings="ignore").result
    failed, ignored = len(result.failures) + len(result.errors), len(result.skipped)
    passed = max(0, result.testsRun - failed - ignored)
    word = "ok" if passed and not failed else "FAILED"
    print(f"test result: {word}. {passed} passed; {failed} failed; {ignored} ignored", flush=True)
    return int(word != "ok")
