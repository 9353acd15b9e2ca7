"""What tests of an operator's work ask of a running Larder: by sessions, in the console and over HTTP. For test cases that have a `larder`."""
import contextlib
import http.client
import json

import psycopg2

TOKEN = "token-of-the-test"


class Asking:
    def connect(self, database="postgres", user="postgres"):
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user=user, dbname=database)
        connection.autocommit = True
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def ask(connection, text):
        with connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None

    def console(self, text, user="postgres"):
        with contextlib.closing(self.connect("larder", user)) as connection:
            return self.ask(connection, text)

    def http(self, method, path, body=None, token=TOKEN, headers=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)) as connection:
            connection.request(method, path, json.dumps(body) if body is not None else None, {**(headers or {}), **({"Authorization": "Bearer " + token} if token else {})})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
