"""Opened before a fork, as by gunicorn's preload, a storage works in every child."""

import multiprocessing, os, pathlib, signal, sys, tempfile, unittest

import sdk
from scene import PATIENCE, Paused, activate, fresh, on_both, opened, record, until
from sdk import CAMPAIGN, TEN_AND_NINETY


class Forks(unittest.TestCase):
    @on_both
    def test_before_its_first_use(self, fresh):
        url = fresh()
        with opened(url) as storage:
            storage.set(record("parent", "Control"))
        with opened(url) as storage:
            self.assertEqual(children(storage), [0] * 3)
            seen(self, storage)

    @on_both
    def test_after_its_first_use(self, fresh):
        with opened(fresh()) as storage:
            storage.set(record("parent", "Control"))
            storage.flush()
            self.assertEqual(storage.get("parent", CAMPAIGN), record("parent", "Control"))
            self.assertEqual(children(storage), [0] * 3)
            seen(self, storage)

    @on_both
    def test_workers_of_the_official_sdk_keep_what_their_parent_decided(self, fresh):
        users = [f"user-{number}" for number in range(200)]
        with opened(fresh()) as storage:
            before = activate(sdk.launch(storage=storage), users)
            storage.flush()
            client = sdk.launch(TEN_AND_NINETY, storage)
            fork = multiprocessing.get_context("fork")
            answers = [fork.SimpleQueue() for _ in range(3)]
            workers = [fork.Process(target=lambda queue: queue.put(activate(client, users)), args=(a,)) for a in answers]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(60)
                worker.kill()
            self.assertEqual([worker.exitcode for worker in workers], [0] * 3)
            self.assertEqual([answer.get() for answer in answers], [before] * 3)

    @on_both
    def test_a_child_that_ends_delivers_first(self, fresh):
        with opened(fresh()) as storage:
            child = os.fork()
            if not child:  # ends as a worker of gunicorn does
                storage.set(record("child", "Control"))
                sys.stderr = open(os.devnull, "w")
                os.close(1)
                _exit_as_a_program()
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            self.assertEqual(storage.get("child", CAMPAIGN), record("child", "Control"))

    def test_what_was_spooled_survives_kill_9(self):
        url, folder = fresh("redis"), tempfile.mkdtemp()
        with Paused():
            child = os.fork()
            if not child:
                storage = opened(url, spool=folder)
                storage.set(record("spooled", "Control"))
                storage.flush(timeout_ms=PATIENCE)
                os.kill(os.getpid(), signal.SIGKILL)
            self.assertEqual(os.WTERMSIG(os.waitpid(child, 0)[1]), signal.SIGKILL)
        with opened(url) as storage:
            self.assertIsNone(storage.get("spooled", CAMPAIGN))
        with opened(url, spool=pathlib.Path(folder)) as storage:
            self.assertEqual(storage.get("spooled", CAMPAIGN), record("spooled", "Control"))
            with opened(url, near_cache=False) as other:
                until(lambda: other.get("spooled", CAMPAIGN) == record("spooled", "Control"))


def _exit_as_a_program():
    import atexit

    atexit._run_exitfuncs()
    os._exit(0)


def children(storage):
    """Exit codes of three forked workers, each of which forks once more."""
    pids = [forked(lambda: work(storage, str(number), 2)) for number in range(3)]
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def forked(work):
    pid = os.fork()
    if pid:
        return pid
    try:
        fine = work()
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        fine = False
    os._exit(0 if fine else 1)


def work(storage, name, depth):
    sees_parent = storage.get("parent", CAMPAIGN) == record("parent", "Control")
    storage.set(record(f"child-{name}-{depth}", "Control"))
    storage.flush(timeout_ms=60_000)
    shown = storage.get(f"child-{name}-{depth}", CAMPAIGN) is not None
    below = depth == 1 or os.waitpid(forked(lambda: work(storage, name, depth - 1)), 0)[1] == 0
    return sees_parent and shown and below


def seen(test, storage):
    """The parent goes on, and sees what its children did."""
    storage.set(record("parent", "Control", goalIdentifiers="after"))
    storage.flush()
    for number in range(3):
        for depth in (1, 2):
            user = f"child-{number}-{depth}"
            test.assertEqual(storage.get(user, CAMPAIGN), record(user, "Control"))
