"""A real Redis at an address of its own: the SDK's own storage knows no port but 6379."""

import json, os, random, socket, subprocess, tempfile, time


class Redis:
    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="stayput-e2e-redis-")
        self.host = "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))
        command = ["redis-server", "--bind", self.host, "--port", "6379", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, cwd=self.folder.name, stdout=subprocess.DEVNULL)
        for _ in range(600):
            try:
                socket.create_connection((self.host, 6379), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        self.__exit__()
        raise RuntimeError("redis-server did not start")

    def migrated_to(self, address):
        """What `stayput migrate` says that it did."""
        command = [os.environ["STAYPUT_BIN"], "migrate", f"redis://{self.host}", f"stayput://{address}", "--json", "--verify",
                   "--key-template", "{campaign}:{user}"]
        done = subprocess.run(command, cwd=self.folder.name, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()
