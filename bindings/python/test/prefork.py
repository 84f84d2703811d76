"""gunicorn opens one storage, forks its workers, and restarts: whoever answers, a visitor keeps the variation."""

import contextlib, http.client, importlib.util, json, os, pathlib, signal, socket, subprocess, sys, tempfile, unittest

import sdk
from scene import activate, on_both, opened, until

USERS = [f"user-{number}" for number in range(200)]
WORKERS = 3


@unittest.skipUnless(importlib.util.find_spec("gunicorn"), "gunicorn is not installed")
class Prefork(unittest.TestCase):
    @on_both
    def test_every_worker_of_gunicorn_keeps_what_another_one_decided(self, fresh):
        url = fresh()
        with served(url, "even") as ask:
            before = {user: ask(user)[1] for user in USERS}
            self.assertEqual(set(before.values()), {"Control", "New"})
            self.assertEqual(seen_by_all(ask, USERS[0]), {before[USERS[0]]})
        # It was told to end and not to flush: what its workers had set is there.
        with opened(url) as storage:
            self.assertEqual(activate(sdk.launch(sdk.TEN_AND_NINETY, storage), USERS), [before[user] for user in USERS])
            self.assertIsNotNone(storage.get("master", sdk.CAMPAIGN))
        with served(url, "uneven") as ask:
            self.assertEqual({user: ask(user)[1] for user in USERS}, before)
            self.assertEqual(seen_by_all(ask, USERS[1]), {before[USERS[1]]})


def seen_by_all(ask, user):
    """What each worker shows this user."""
    answers = {}
    until(lambda: (answers.update([ask(user)]), len(answers) == WORKERS)[1])
    return set(answers.values())


@contextlib.contextmanager
def served(url, weights):
    """Asks a gunicorn of its own, which is ended with the signal that ends services."""
    at = pathlib.Path(tempfile.mkdtemp()) / "socket"
    here = str(pathlib.Path(__file__).parent)
    command = [sys.executable, "-B", "-m", "gunicorn", "--preload", "--workers", str(WORKERS), "--no-control-socket"]
    command += ["--bind", f"unix:{at}", "--chdir", here, "--log-level", "warning", "preloaded:app"]
    environment = {**os.environ, "PRELOADED_STORE": url, "PRELOADED_WEIGHTS": weights}
    master = subprocess.Popen(command, env=environment)
    try:
        until(lambda: at.exists() or master.poll() is not None)
        yield lambda user: asked(at, user)
        master.send_signal(signal.SIGTERM)
        if master.wait(60) != 0:
            raise AssertionError(f"gunicorn ended with {master.returncode}")
    finally:
        master.kill()
        master.wait()


def asked(at, user):
    with contextlib.closing(http.client.HTTPConnection("localhost")) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60)
        connection.sock.connect(str(at))
        connection.request("GET", f"/{user}")
        return tuple(json.loads(connection.getresponse().read()))
