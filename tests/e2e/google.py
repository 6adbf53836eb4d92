"""A pod in Google's place, behind a proxy of its own: TLS, and answers in the form that gTTS reads."""

import base64
import json
import ssl
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.encode import encoder_for

RATE_HZ = 24_000


def mp3(text: str) -> bytes:
    """Half a second of tone for each word."""
    seconds = np.arange(int(0.5 * len(text.split()) * RATE_HZ)) / RATE_HZ
    samples = (8_000 * np.sin(2 * np.pi * 440 * seconds)).astype("<i2").tobytes()
    encoder = encoder_for("mp3", AudioFormat(RATE_HZ))
    return encoder.encode(Pcm(samples, AudioFormat(RATE_HZ))) + encoder.flush()


def answer(body: str) -> bytes:
    (form,) = urllib.parse.parse_qs(body)["f.req"]
    text, language, *_ = json.loads(json.loads(form)[0][0][1])
    print("asked", language, text, flush=True)
    content = json.dumps([base64.b64encode(mp3(text)).decode()]).replace('"', '\\"')
    return f')]}}\'\n\n[["wrb.fr","jQ1olc","{content}",null,null,null,"generic"]]\n'.encode()


class Handler(BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:
        print("connect", self.path, flush=True)
        self.send_response(200)
        self.end_headers()
        self.connection = CONTEXT.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_POST(self) -> None:
        content = answer(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def finish(self) -> None:
        super().finish()
        self.connection.close()


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain("/data/tls.pem")
ThreadingHTTPServer(("", 3128), Handler).serve_forever()
