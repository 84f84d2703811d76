"""A real `stayput serve` on a folder of its own, to be killed and started again."""

import collections, os, re, signal, subprocess, tempfile, threading


class Server:
    """Takes a free port when it first starts and keeps it, as it keeps the folder."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="stayput-e2e-")
        self.address = "127.0.0.1:0"
        self.start()

    def start(self):
        store = "file:" + os.path.join(self.folder.name, "data")
        command = [os.environ["STAYPUT_BIN"], "serve", "--store", store, "--listen", self.address]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = collections.deque(maxlen=50)
        ready = threading.Event()

        def listen(lines):  # to the end, because a full pipe would stop the server
            for line in lines:
                said.append(line)
                found = re.search(r"127\.0\.0\.1:([1-9]\d*)", line)
                if found and not ready.is_set():
                    self.address = found.group(0)
                    ready.set()

        self.listener = threading.Thread(target=listen, args=(self.process.stdout,), daemon=True)
        self.listener.start()
        if not ready.wait(20):
            self.end()
            raise RuntimeError("the server did not say within 20 s where it listens, but:\n" + "".join(said))

    def kill(self):
        """kill -9: no chance to write anything."""
        self._end(signal.SIGKILL)

    def end(self):
        self._end(signal.SIGTERM)
        self.folder.cleanup()

    def _end(self, how):
        self.process.send_signal(how)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.listener.join(10)
            self.process.stdout.close()
