"""A server that stands for Google Cloud Storage: a proxy for HTTPS in front of `gcp-storage-emulator`.

Its arguments are the ports of the proxy and of the emulator, the bucket, and a folder for its certificate.
"""

import datetime
import http.client
import http.server
import pathlib
import socketserver
import ssl
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gcp_storage_emulator import server as emulator

_HOSTS = ('www.googleapis.com', 'storage.googleapis.com')
_ONE_HOP = {'connection', 'content-length', 'expect', 'transfer-encoding'}


def _certify(folder: pathlib.Path) -> ssl.SSLContext:
    """Writes a certificate for Google's hosts to `certificate.pem`, and returns what serves by it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _HOSTS[0])])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(
        x509.SubjectAlternativeName(list(map(x509.DNSName, _HOSTS))), critical=False
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / 'certificate.pem').write_bytes(certificate)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / 'key.pem').write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / 'certificate.pem', folder / 'key.pem')
    return context


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Passes on what is sent to a host of Google's, whichever, to the emulator."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # Which would hold back the second part of each answer for 40 ms.

    def do_CONNECT(self) -> None:
        self.send_response_only(200)
        self.end_headers()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile('rb')
        self.wfile = self.connection.makefile('wb', buffering=0)
        self.close_connection = False

    def _pass_on(self) -> None:
        connection = http.client.HTTPConnection('localhost', self.server.emulator_port)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _ONE_HOP}
        connection.request(self.command, self.path, self._body(), headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        self.log_request(answer.status)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _ONE_HOP:
                # It gives addresses for uploads, to which the client would not go through this proxy.
                self.send_header(name, value.replace(f'http://{_HOSTS[0]}', f'https://{_HOSTS[0]}'))
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_DELETE = do_GET = do_POST = do_PUT = _pass_on

    def _body(self) -> bytes:
        if self.headers.get('Transfer-Encoding') != 'chunked':
            return self.rfile.read(int(self.headers.get('Content-Length') or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b''.join(pieces)


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def main(proxy_port: int, emulator_port: int, bucket: str, folder: pathlib.Path) -> None:
    """Serves until the process is ended."""
    # For the emulator, an upload without a byte has no body, and fails.
    data = emulator.Request.data.fget
    emulator.Request.data = property(lambda request: b'' if data(request) is None else data(request))
    emulator.RequestHandler.disable_nagle_algorithm = True
    store = emulator.create_server('localhost', emulator_port, in_memory=True, default_bucket=bucket)
    with _Server(('localhost', proxy_port), _Proxy) as proxy:
        proxy.context, proxy.emulator_port = _certify(folder), emulator_port
        store.start()
        proxy.serve_forever()


if __name__ == '__main__':
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4]))
