"""Message scripts: data that the differential runner plays once directly and once through Larder.

A script is a list of steps. Connections are named by letters and open at their first use. A step made by sql(), warm() or
cold() is played in each of the forms of FORMS; one made by q() or x() is sent as it stands.
"""
from dataclasses import dataclass, field
from typing import Optional, Tuple

from . import wire

# simple: one Query. extended: unnamed statement, text. binary: the same with binary results. prepared: a named statement that
# is parsed once per connection, whole-number parameters typed and binary.
INT4 = 23
UNTIL_CLOSED = -1  # for Step.ready: the answer ends with the connection
FORMS = ("simple", "extended", "binary", "prepared")


@dataclass(frozen=True)
class Step:
    who: str
    action: str                      # exchange, send, receive, open, close, cancel, await, wait_blocked, wait_active, wait_asleep
    messages: Tuple[bytes, ...] = ()
    sql: Optional[str] = None        # instead of messages: played in the form under test
    values: tuple = ()
    # free: nothing is said; warm: repeated until it is a hit; still: has to be one at once; cold: repeated and must never be one
    hits: str = "free"
    shape_only: bool = False         # rows differ by nature (times, random numbers): only the kinds of messages are compared
    ready: Optional[int] = None      # how many ReadyForQuery end the answer, where counting the messages does not tell
    until: bytes = b""               # await: the kinds that end the reading
    options: dict = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Script:
    name: str
    steps: tuple
    setup: tuple = ()                # statements, run by the superuser through the side that is tested
    cases: tuple = ()                # numbers of the list of points in case_map.py
    wire_cases: tuple = ()           # numbers of its list of protocol cases
    forms: tuple = FORMS
    teardown: tuple = ()


def sql(who, text, *values, **more):
    """A statement in the form under test; $1 and so on stand for values (whole numbers, text, None)."""
    return Step(who, "exchange", sql=text, values=values, **more)


def warm(who, text, *values):
    """A read that has to become a hit: without one, what follows would prove nothing."""
    return Step(who, "exchange", sql=text, values=values, hits="warm")


def still(who, text, *values):
    """A read that was a hit and has to be one still: what was written since leaves its rows alone."""
    return Step(who, "exchange", sql=text, values=values, hits="still")


def cold(who, text, *values, shape_only=False):
    """A read that must never be answered from the cache."""
    return Step(who, "exchange", sql=text, values=values, hits="cold", shape_only=shape_only)


def q(who, text, **more):
    """A simple Query whatever the form."""
    return Step(who, "exchange", (wire.query(text),), **more)


def x(who, *messages, **more):
    """These messages in one piece, then all answers."""
    return Step(who, "exchange", messages, **more)


def warm_x(who, *messages):
    return Step(who, "exchange", messages, hits="warm")


def send(who, *messages, sql=None):
    """Sent without waiting for an answer; a receive() has to follow."""
    return Step(who, "send", (wire.query(sql),) if sql is not None else messages)


def receive(who, ready=1, **more):
    return Step(who, "receive", ready=ready, **more)


def await_kind(who, kinds):
    """Reads until a message of one of these kinds, e.g. a notification."""
    return Step(who, "await", until=kinds)


def open_as(who, user=None, **parameters):
    """A login with this user and these startup parameters; its messages are compared as well."""
    return Step(who, "open", options=dict(parameters, user=user))


def close(who):
    return Step(who, "close")


def cancel(who):
    return Step(who, "cancel")


def wait_blocked(who=""):
    """Until some backend of the database waits for a lock."""
    return Step(who, "wait_blocked")


def wait_active(text):
    """Until some backend runs a query with this text in it."""
    return Step(text, "wait_active")


def wait_asleep():
    """Until some backend sleeps. To be active is too little for a cancel: its Parse is active too, and a cancel between two messages is lost."""
    return Step("", "wait_asleep")


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    return "'" + value.replace("'", "''") + "'"




def encode(form, text, values, known_statements):
    """The messages of one statement in one form. known_statements: text to name, of this connection's prepared ones."""
    if form == "simple":
        for number in range(len(values), 0, -1):
            text = text.replace(f"${number}", literal(values[number - 1]))
        return (wire.query(text),)
    results = (1,) if form == "binary" else (0,)
    if form != "prepared":
        return (wire.parse("", text), wire.bind(values=values, result_formats=results), wire.describe_portal(), wire.execute(), wire.sync())
    messages = []
    if text not in known_statements:
        known_statements[text] = f"s{len(known_statements)}"
        messages.append(wire.parse(known_statements[text], text, *(INT4 if isinstance(v, int) else 0 for v in values)))
    name = known_statements[text]
    data = [wire.int4(v) if isinstance(v, int) else v for v in values]
    formats = [1 if isinstance(v, int) else 0 for v in values]
    return (*messages, wire.bind("", name, data, formats, results), wire.describe_portal(), wire.execute(), wire.sync())
