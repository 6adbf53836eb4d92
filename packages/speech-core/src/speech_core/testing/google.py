"""A stand-in of Google's endpoint as gTTS finds it through a proxy: real TLS, and answers in the form that it reads."""

import base64
import json
import ssl
import urllib.parse
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler
from typing import ClassVar


def asked(body: str) -> tuple[str, str]:
    """Text and language of a request."""
    (form,) = urllib.parse.parse_qs(body)["f.req"]
    text, language, *_ = json.loads(json.loads(form)[0][0][1])
    return text, language


def said(sound: bytes) -> bytes:
    """*sound* as an answer."""
    content = json.dumps([base64.b64encode(sound).decode()]).replace('"', '\\"')
    return f')]}}\'\n\n[["wrb.fr","jQ1olc","{content}",null,null,null,"generic"]]\n'.encode()


class Proxied(ABC, BaseHTTPRequestHandler):
    """Every host that is asked for is this one; *context* has its certificate."""

    context: ClassVar[ssl.SSLContext]

    @abstractmethod
    def answer(self, host: str, body: str) -> tuple[int, bytes, int]:
        """Status and content, and how many bytes more than there are it says that it has."""

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        status, content, missing_bytes = self.answer(self.headers["host"], body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) + missing_bytes))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""
