"""What the tests of a running Larder ask again and again: does it serve, does it hit, has it given everything back."""
import time

from .own_cluster import eventually


def is_serving(larder):
    return larder.metric("larder_cache_serving") == 1


def wait_until_serving(larder):
    eventually(lambda: is_serving(larder), "Larder serves from the cache")


def wait_until_not_serving(larder):
    eventually(lambda: not is_serving(larder), "Larder serves nothing")


def wait_for_hit(larder, read):
    """Calls `read` (one cacheable statement) until one call was a hit; returns what that call gave."""
    def try_once():
        before = larder.hits()
        value = read()
        return (value,) if larder.hits() > before else None
    return eventually(try_once, "a read is a hit")[0]


def hits_of(larder, read, times=20):
    """How many of so many calls were hits."""
    before = larder.hits()
    for _ in range(times):
        read()
    return larder.hits() - before


def steady_descriptors(larder):
    """The number of open files once it has not fallen for a second: what is closed is closed a moment later."""
    lowest, since = larder.open_descriptors(), time.monotonic()
    while time.monotonic() - since < 1:
        now = larder.open_descriptors()
        if now < lowest:
            lowest, since = now, time.monotonic()
        time.sleep(0.05)
    return lowest


def wait_for_descriptors(larder, most):
    eventually(lambda: larder.open_descriptors() <= most, f"Larder has at most {most} open files")
