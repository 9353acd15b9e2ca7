#!/usr/bin/python3
"""The advisor from end to end, with figures: end_to_end.py URI LARDER

The database that URI names must hold the shop (scripts/load_shop). Traffic goes through a Larder: a slow statement is flagged, advised on, deployed, watched and kept,
and what its callers wait for is measured before and after. Then an index is deployed for a statement that is asked while nobody writes; the writers come, pay for it, and it
has to be taken back unasked. Fails if the first is not kept or the second not taken back. The times printed belong to the machine that they were taken on.
"""
import random
import statistics
import sys
import threading
import time

from own_larder import OwnLarder

JUDGED = ("kept", "reverted", "unproven", "failed")
HELPED = "SELECT order_id, quantity, unit_price FROM order_items WHERE variant_id = %s"
HARMED = "SELECT variant_id FROM inventory WHERE on_hand - reserved > 395"
WRITER = "UPDATE inventory SET reserved = reserved + %s WHERE variant_id BETWEEN %s AND %s AND reserved + %s BETWEEN 0 AND on_hand"


class Caller:
    """Asks again and again on a connection of its own, `per_second` times at most, and keeps how long each took (ms)."""

    def __init__(self, larder, text, values, per_second):
        self.took, self.stopping = [], threading.Event()
        self.text, self.values, self.pause = text, values, 1 / per_second
        self.connection = larder.connect()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.connection.close()

    def run(self):
        with self.connection.cursor() as cursor:
            while not self.stopping.wait(self.pause):
                began = time.monotonic()
                cursor.execute(self.text, self.values())
                self.took.append(1000 * (time.monotonic() - began))

    def median_of_next(self, count):
        """Of calls that begin from now on."""
        first = len(self.took) + 1
        wait_for(lambda: len(self.took) >= first + count or not self.thread.is_alive())
        return statistics.median(self.took[first:])


def wait_for(what):
    while not (found := what()):
        time.sleep(0.1)
    return found


def advice_on(larder, part):
    return wait_for(lambda: next((row for row in larder.api("/advice")["advice"] if part in row["query"] and row["options"]), None))


def newest_deployment(larder):
    return max(larder.api("/deployments")["deployments"], key=lambda one: one["id"])


def deploy(larder, advice):
    """Seconds until it was built."""
    began = time.monotonic()
    larder.api(f"/advice/{advice['id']}/deploy", "POST")
    wait_for(lambda: newest_deployment(larder)["state"] not in ("waiting", "building"))
    return time.monotonic() - began


def judgement(larder):
    return wait_for(lambda: next((one for one in [newest_deployment(larder)] if one["state"] in JUDGED), None))


def any_variant():
    return (random.randint(1, 60_000),)


def see_it_helped(larder):
    began = time.monotonic()
    with Caller(larder, HELPED, any_variant, 20) as caller, Caller(larder, "SELECT id, email FROM users WHERE id = %s", any_variant, 200):
        wait_for(lambda: any("FROM order_items" in row["query"] for row in larder.api("/slow-queries")["slow_queries"]))
        print(f"flagged as slow {time.monotonic() - began:.1f} s after the first call ({len(caller.took)} calls)")
        advice = advice_on(larder, "FROM order_items")
        print(f"advised on after {time.monotonic() - began:.1f} s: {advice['options'][0]['run']}")
        before = caller.median_of_next(50)
        print(f"built in {deploy(larder, advice):.1f} s, CONCURRENTLY, under the traffic")
        after = caller.median_of_next(200)
        print(f"a caller waited {before:.1f} ms before and {after:.2f} ms after (medians): {before / after:.0f} times faster")
        judged = judgement(larder)
    print(f"judged: {judged['state']}; {judged['last_event']}")
    return judged["state"] == "kept"


def see_it_taken_back(larder):
    def some_of_the_stock():
        first, change = random.randint(1, 55_000), random.choice((-1, 1))
        return change, first, first + 5000, change
    with Caller(larder, HARMED, lambda: None, 5):
        with Caller(larder, WRITER, some_of_the_stock, 4) as writer:
            before = writer.median_of_next(25)  # fewer than 20 prove nothing
        advice = advice_on(larder, "FROM inventory")
        print(f"advised: {advice['options'][0]['run']}")
        deploy(larder, advice)
        with Caller(larder, WRITER, some_of_the_stock, 20) as writer:
            judged = judgement(larder)
            print(f"a writer waited {before:.1f} ms before and {statistics.median(writer.took):.1f} ms after (medians)")
    print(f"judged: {judged['state']}; {judged['last_event']}")
    return judged["state"] == "reverted"


def main():
    uri, binary = sys.argv[1:3]
    with OwnLarder(binary, uri, "freshness.writers=only-larder", "advisor.slow=5ms", "advisor.watch=30s") as larder:
        is_good = see_it_helped(larder)
        print()
        is_good = see_it_taken_back(larder) and is_good
        print("\n" + larder.read("/api/v1/deployments.md"))
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
