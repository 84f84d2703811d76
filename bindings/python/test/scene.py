"""Stores for the tests, and what the tests share."""

import itertools, os, signal, tempfile, time, unittest

from sdk import CAMPAIGN
from stayput import UserStorage

PATIENCE = 60_000  # ms; long enough for any machine
_number = itertools.count()


def fresh(kind):
    """The URL of an empty store; for Redis one with a prefix of its own."""
    if kind == "file":
        return "file:" + tempfile.mkdtemp(prefix="stayput-python-")
    if "STAYPUT_TEST_REDIS" not in os.environ:
        raise unittest.SkipTest("redis-server is not installed")
    return f"{os.environ['STAYPUT_TEST_REDIS']}?prefix=python-{os.getpid()}-{next(_number)}:"


def opened(url, **options):
    return UserStorage.open(url, **{"deadline_ms": PATIENCE, **options})


def record(user, variation, **more):
    return {"userId": user, "campaignKey": CAMPAIGN, "variationName": variation, **more}


def activate(client, users):
    """What each user sees."""
    return [client.activate(CAMPAIGN, user) for user in users]


def until(holds):
    """What it gives once that is something."""
    end = time.monotonic() + PATIENCE / 1000
    while not (answer := holds()):
        if time.monotonic() > end:
            raise AssertionError("never")
        time.sleep(0.005)
    return answer


class Paused:
    """While Redis does not answer."""

    def __enter__(self):
        os.kill(int(os.environ["STAYPUT_TEST_REDIS_PID"]), signal.SIGSTOP)

    def __exit__(self, *_):
        os.kill(int(os.environ["STAYPUT_TEST_REDIS_PID"]), signal.SIGCONT)


def on_both(test):
    """Runs a test over `file:` and over Redis; it is given `fresh` of either."""

    def run(self):
        for kind in ("file", "redis"):
            with self.subTest(kind):
                test(self, lambda: fresh(kind))

    run.__name__, run.__qualname__ = test.__name__, test.__qualname__
    return run
