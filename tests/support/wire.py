"""A client of PostgreSQL's protocol that hides nothing: messages go out as the test wrote them and come back as
(type, body) pairs. It can send byte by byte, several messages at once, half a message, or nonsense.

Frontend messages are plain bytes made by the functions below, so that a script can join, cut and damage them.
"""
import select
import socket
import ssl
import struct
import time

PROTOCOL_3_0 = 196608
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def cstring(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


def startup(user, database, version=PROTOCOL_3_0, **parameters):
    body = struct.pack("!i", version) + cstring("user") + cstring(user) + cstring("database") + cstring(database)
    for name, value in parameters.items():
        body += cstring(name) + cstring(value)
    body += b"\0"
    return struct.pack("!i", len(body) + 4) + body


def cancel_request(pid, secret):
    return struct.pack("!iii", 12 + len(secret), 80877102, pid) + secret


def query(sql):
    return message(b"Q", cstring(sql))


def parse(name, sql, *types):
    return message(b"P", cstring(name) + cstring(sql) + struct.pack("!h", len(types)) + b"".join(struct.pack("!I", t) for t in types))


def bind(portal="", statement="", values=(), formats=(), result_formats=()):
    """values: bytes, text, whole numbers (as text) or None. The numbers of formats are PostgreSQL's: none, one for all, one each."""
    body = cstring(portal) + cstring(statement) + struct.pack("!H", len(formats)) + b"".join(struct.pack("!h", f) for f in formats)
    body += struct.pack("!H", len(values))
    for value in values:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            data = value if isinstance(value, bytes) else str(value).encode()
            body += struct.pack("!i", len(data)) + data
    body += struct.pack("!H", len(result_formats)) + b"".join(struct.pack("!h", f) for f in result_formats)
    return message(b"B", body)


def describe_statement(name=""):
    return message(b"D", b"S" + cstring(name))


def describe_portal(name=""):
    return message(b"D", b"P" + cstring(name))


def execute(portal="", rows_max=0):
    return message(b"E", cstring(portal) + struct.pack("!i", rows_max))


def close_statement(name=""):
    return message(b"C", b"S" + cstring(name))


def close_portal(name=""):
    return message(b"C", b"P" + cstring(name))


def sync():
    return message(b"S")


def flush():
    return message(b"H")


def terminate():
    return message(b"X")


def copy_data(data):
    return message(b"d", data)


def copy_done():
    return message(b"c")


def copy_fail(reason):
    return message(b"f", cstring(reason))


def function_call(oid, values, formats=(1,), result_format=1):
    body = struct.pack("!I", oid) + struct.pack("!h", len(formats)) + b"".join(struct.pack("!h", f) for f in formats)
    body += struct.pack("!h", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message(b"F", body + struct.pack("!h", result_format))


def int4(number):
    return struct.pack("!i", number)


class Closed(Exception):
    """The other side ended the connection."""


class TimedOut(Exception):
    """No message came in time: almost always a hang of the other side."""


class Connection:
    """One socket. Nothing is sent but what is asked for; login() is the usual start."""

    def __init__(self, host, port, byte_by_byte=False, seconds_max=20):
        self.byte_by_byte = byte_by_byte
        self.seconds_max = seconds_max
        self.sock = socket.create_connection((host, port), timeout=seconds_max)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.ended = False
        self.pid, self.secret = 0, b""

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- raw bytes

    def send(self, *messages):
        """Sends all as one piece, or one byte per segment. What arrives meanwhile is read, so that two full sockets cannot wait for each other."""
        data = b"".join(messages)
        for piece in self._pieces(data):
            self._send_piece(piece)

    def _pieces(self, data):
        if not self.byte_by_byte:
            yield data
            return
        # The middle of a large message says nothing that its ends do not.
        start, end = (64, len(data) - 64) if len(data) > 4096 else (len(data), len(data))
        yield from (data[i:i + 1] for i in range(start))
        yield from (data[i:min(i + 1000, end)] for i in range(start, end, 1000))
        yield from (data[i:i + 1] for i in range(end, len(data)))

    def _send_piece(self, piece):
        view, deadline = memoryview(piece), time.monotonic() + self.seconds_max
        self.sock.setblocking(False)
        try:
            while view:
                readable, writable, _ = select.select([] if self.ended else [self.sock], [self.sock], [], 1)
                if time.monotonic() > deadline:
                    raise TimedOut("the other side does not take what is sent")
                try:
                    if readable:
                        self._receive()
                    if writable:
                        view = view[self.sock.send(view):]
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    self.ended = True
                    return
        finally:
            self.sock.settimeout(self.seconds_max)

    def _receive(self):
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
        self.buffer += data

    def read_bytes(self, count):
        deadline = time.monotonic() + self.seconds_max
        while len(self.buffer) < count:
            if self.ended:
                raise Closed(f"the connection ended after {bytes(self.buffer)!r}")
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                self._receive()
            except (socket.timeout, TimeoutError):
                raise TimedOut(f"nothing came within {self.seconds_max} s; had {bytes(self.buffer[:200])!r}") from None
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_to_end(self):
        """Everything until the other side closes."""
        data = b""
        try:
            while True:
                data += self.read_bytes(1)
        except Closed:
            return data

    # -- messages

    def read(self):
        """The next message as (type, body)."""
        head = self.read_bytes(5)
        return head[:1], self.read_bytes(struct.unpack("!i", head[1:])[0] - 4)

    def read_until(self, kinds, count=1):
        """Messages up to the count-th of one of these kinds."""
        seen = []
        while count:
            seen.append(self.read())
            count -= seen[-1][0] in kinds
        return seen

    def read_messages_to_end(self):
        """All messages until the other side closes."""
        seen = []
        try:
            while True:
                seen.append(self.read())
        except Closed:
            return seen

    def start_tls(self, context=None, server_hostname=None):
        """SSLRequest and, if 'S' comes back, the handshake. Returns the answer's byte."""
        self.send(SSL_REQUEST)
        answer = self.read_bytes(1)
        if answer == b"S":
            self.sock = (context or trusting_context()).wrap_socket(self.sock, server_hostname=server_hostname)
        return answer

    def login(self, user, database, version=PROTOCOL_3_0, **parameters):
        """StartupMessage and everything up to ReadyForQuery, or up to an error. The server is to ask for no password."""
        self.send(startup(user, database, version, **parameters))
        seen = self.read_until((b"Z", b"E"))
        for kind, body in seen:
            if kind == b"K":
                self.pid, self.secret = struct.unpack("!i", body[:4])[0], body[4:]
        return seen

    def query(self, sql):
        """A simple query: everything up to ReadyForQuery."""
        self.send(query(sql))
        return self.read_until((b"Z",))

    def values(self, sql):
        """The rows of a simple query as tuples of text or None; an error is raised."""
        rows = []
        for kind, body in self.query(sql):
            if kind == b"E":
                raise RuntimeError(error_fields(body))
            if kind == b"D":
                rows.append(row_values(body))
        return rows


def trusting_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def send_cancel(host, port, pid, secret):
    """As libpq does it: a connection of its own, and then wait for its end."""
    with Connection(host, port) as connection:
        connection.send(cancel_request(pid, secret))
        connection.read_to_end()


def row_values(body):
    count, at, values = struct.unpack("!h", body[:2])[0], 2, []
    for _ in range(count):
        size = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        values.append(None if size < 0 else body[at:at + size].decode(errors="backslashreplace"))
        at += max(size, 0)
    return tuple(values)


def error_fields(body):
    return {part[:1].decode(): part[1:].decode(errors="backslashreplace") for part in body.split(b"\0") if part}
