"""A WebSocket client of a few lines, so that a test decides itself when it reads (RFC 6455)."""
import base64
import json
import os
import socket
import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Refused(Exception):
    """The server answered with something else than 101: `status` and `body`."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class Closed(Exception):
    """The server closed it; `code` is None where it only hung up."""

    def __init__(self, code):
        super().__init__(str(code))
        self.code = code


class WebSocket:
    def __init__(self, port, path, headers=None, receive_bytes=None, tls=None):
        self.socket = socket.socket() if tls is None else tls.wrap_socket(socket.socket(), server_hostname="localhost")
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(120)
        self.socket.connect(("127.0.0.1", port))
        self.stream = self.socket.makefile("rb")
        asked = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **(headers or {})}
        self.socket.sendall((f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in asked.items()) + "\r\n").encode())
        status = int(self.stream.readline().split()[1])
        length, self.protocol = 0, None
        while (line := self.stream.readline().strip()):
            if line.lower().startswith(b"sec-websocket-protocol:"):
                self.protocol = line.split(b":")[1].strip().decode()
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if status != 101:
            body = self.stream.read(length)
            self.close()
            raise Refused(status, body)

    def send(self, kind, payload=b""):
        mask = os.urandom(4)
        self.socket.sendall(struct.pack("!BB", 0x80 | kind, 0x80 | len(payload)) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def read(self):
        """The next text, as JSON. Pings are answered; raises Closed at the end, and TimeoutError when nothing comes."""
        while True:
            head = self.stream.read(2)
            if len(head) < 2:
                raise Closed(None)
            length = head[1] & 0x7F
            if length >= 126:
                length = struct.unpack("!H" if length == 126 else "!Q", self.stream.read(2 if length == 126 else 8))[0]
            payload = self.stream.read(length)
            if head[0] & 0xF == PING:
                self.send(PONG, payload)
            elif head[0] & 0xF == CLOSE:
                raise Closed(struct.unpack("!H", payload[:2])[0] if payload else None)
            elif head[0] & 0xF == TEXT:
                return json.loads(payload)

    def close(self):
        self.stream.close()
        self.socket.close()
