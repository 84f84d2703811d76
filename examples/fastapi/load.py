"""Visitors come, the weights change, the same visitors come again: python load.py. Fails if one of them sees something else."""

import concurrent.futures, contextlib, http.client, json, os, sys, time

VISITORS = int(os.environ.get("VISITORS", "1000"))


def ask(path, method="GET"):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "3000")))) as connection:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status}")
    return json.loads(body)


def visit(visitor):
    seen = ask(f"/{visitor}")
    if not (seen["button"] and seen["search"]):
        raise RuntimeError(f"{visitor} takes part in nothing")
    return seen


def started():
    """The server may have been started a moment ago."""
    for _ in range(100):
        with contextlib.suppress(ConnectionError):
            return ask("/settings?green=50")
        time.sleep(0.1)


def main():
    started()
    visitors = [f"visitor-{number}" for number in range(VISITORS)]
    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        ask("/settings?green=50")
        before = list(threads.map(visit, visitors))
        ask("/settings?green=90")
        after = list(threads.map(visit, visitors))
    moved = sum(one != other for one, other in zip(before, after))
    counted = [ask("/visitor-0/buy", "POST")["counted"] for _ in range(3)]
    print(f"{VISITORS} visitors; {moved} of them saw something else after the weights had changed")
    print(f"visitor-0 bought three times; counted: {', '.join(map(str, counted))}")
    return int(moved > 0 or sum(counted) > 1)


if __name__ == "__main__":
    sys.exit(main())
