"""A hit, and `activate` of returning users beside one over a dict: both sides in turns; then many gets, and what they leave.
Started by `run`."""

import os, platform, statistics, sys, time

import sdk
from lockstep import LastWriteWins
from stayput import UserStorage

USERS = [f"user-{number}" for number in range(500)]  # few enough to be read again within a second on a busy machine
ROUNDS = 41
GETS = int(os.environ.get("STAYPUT_GETS", "10000000"))


def each(call):
    """The median time of a call, in nanoseconds: the clock costs some, so ten calls share a look at it."""
    times = []
    for user in USERS:
        begun = time.perf_counter_ns()
        for _ in range(10):
            call(sdk.CAMPAIGN, user)
        times.append((time.perf_counter_ns() - begun) / 10)
    return statistics.median(times)


def both(one, other):
    """The same of two that take turns, a few calls each."""
    times = [], []
    for number, user in enumerate(USERS):
        for side in ((0, 1), (1, 0))[number % 2]:
            call = (one, other)[side]
            begun = time.perf_counter_ns()
            for _ in range(5):
                call(sdk.CAMPAIGN, user)
            times[side].append((time.perf_counter_ns() - begun) / 5)
    return tuple(map(statistics.median, times))


def resident():
    """MiB of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main():
    with UserStorage.open(sys.argv[1], deadline_ms=60_000) as storage:
        stayput, plain = sdk.launch(storage=storage), sdk.launch(storage=LastWriteWins({}))
        for user in USERS:
            stayput.activate(sdk.CAMPAIGN, user), plain.activate(sdk.CAMPAIGN, user)
        storage.flush(timeout_ms=60_000)

        def warm():  # what is older than a second is read again, which is not what is measured
            for user in USERS:
                storage.get(user, sdk.CAMPAIGN)

        get = storage.get
        hits, rates = [], []
        for number in range(ROUNDS + 2):
            warm()
            hit = each(lambda campaign, user: get(user, campaign))
            empty = each(lambda campaign, user: None)
            warm()
            pair = both(stayput.activate, plain.activate)
            if number > 1:
                hits.append(hit - empty)
                rates.append(pair)
        ours, theirs = (statistics.median(side) / 1000 for side in zip(*rates))
        ratio = statistics.median(theirs / ours for ours, theirs in rates)
        said = f"{ROUNDS} rounds on {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, Python {platform.python_version()}"
        print(f"{said}; {storage.stats()['hits']} hits, {storage.stats()['asked']} asked")
        print(f"hit, p50: {statistics.median(hits) / 1000:.2f} µs")
        print(f"activate of a returning user: {ours:.1f} µs; over a dict {theirs:.1f} µs; rate against the dict {ratio:.3f}")

        before = resident()
        for number in range(GETS):
            get(USERS[number % len(USERS)], sdk.CAMPAIGN)
        after = resident()
        print(f"{GETS} gets: the process grew by {after - before:.1f} MiB to {after:.0f}")


if __name__ == "__main__":
    main()
