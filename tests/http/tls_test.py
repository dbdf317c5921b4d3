#!/usr/bin/env python3
"""Encrypted connections: the certificate that was given, versions that are still safe, nothing in
plain; and certificates and keys that do not fit are refused at the start."""
import os
import shutil
import socket
import ssl
import subprocess
import warnings

from _service import ALMANAC, PATIENCE, Service, check, eventually, finish, skip


def certificate(folder, name, algorithm):
    subprocess.run(["openssl", "req", "-x509", "-newkey", *algorithm, "-nodes", "-days", "2",
                    "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", os.path.join(folder, name + ".key"),
                    "-out", os.path.join(folder, name + ".pem")], check=True, capture_output=True)


def context(service, name="a"):
    made = ssl.create_default_context(cafile=os.path.join(service.folder, name + ".pem"))
    return made


def handshake(service, made):
    """The version that was agreed on; None: there was none."""
    try:
        with socket.create_connection((service.host, service.port), PATIENCE) as plain:
            with made.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
                               b"Connection: close\r\n\r\n")
                check(secure.recv(100).startswith(b"HTTP/1.1 200"), "answered", secure.version())
                return secure.version()
    except (ssl.SSLError, ConnectionError):
        return None


def only_version(service, version):
    made = context(service)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old ones are deprecated, which is the point
        made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        made.maximum_version = version
        made.minimum_version = version
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    return made


def encrypted(service):
    service.tls = context(service)
    check(service.scheme == "https", "it says https", service.text)
    check(service.get("/livez").status == 200, "answers")
    client = service.client()
    for _ in range(3):
        client.request("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"})
        answer = client.getresponse()
        check(answer.status == 200 and len(answer.read()) > 1000, "several over one connection")
    client.close()
    check(handshake(service, ssl.create_default_context()) is None, "only who trusts it connects")
    check(handshake(service, only_version(service, ssl.TLSVersion.TLSv1_3)) == "TLSv1.3", "TLS 1.3")
    check(handshake(service, only_version(service, ssl.TLSVersion.TLSv1_2)) == "TLSv1.2", "TLS 1.2")
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        check(handshake(service, only_version(service, old)) is None, "no", old.name)


def nothing_in_plain(service):
    with service.connect(plain=True) as connection:
        connection.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        raw = connection.rest()
        check(b"HTTP/" not in raw and b"ok" not in raw, "plain HTTP is refused", raw[:100])
    with service.connect(plain=True) as connection:  # and who never shakes hands is cut off
        check(connection.is_closed(), "an idle handshake ends")
    check(service.get("/livez").status == 200, "it goes on")


def stops_with_a_request_at_work(service):
    slow = service.connect()
    slow.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab")
    check(eventually(lambda: service.metrics()["almanac_http_requests_in_flight"] == 2), "at work")
    service.signal()
    check(eventually(lambda: "stopping" in service.text), "it says that it stops")
    slow.send(b"cd")
    answer = slow.answer()
    check(answer and answer.status == 400, "answered", answer)
    check(service.wait() == 0, "exit status", service.status)


def does_not_start(service, files, *words):
    settings = "tls:\n  certificate: %s\n  key: %s\n" % files
    service.write("bad.yaml", settings)
    result = subprocess.run([ALMANAC, "serve", "--settings", "bad.yaml", "--development", "--port",
                             "0"], cwd=service.folder, capture_output=True, text=True,
                            timeout=PATIENCE)
    check(0 < result.returncode < 126, files, result.returncode, result.stderr)
    for word in words:
        check(word in result.stderr, files, "says", word, result.stderr)
    check("PRIVATE" not in result.stderr and "MII" not in result.stderr, "nothing of the key")


def main():
    if not shutil.which("openssl"):
        skip("no openssl command")
    service = Service({"tls": {"certificate": "a.pem", "key": "a.key"},
                       "limits": {"request_seconds": 5}})
    certificate(service.folder, "a", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    certificate(service.folder, "b", ["rsa:2048"])
    service.write("junk.pem", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    with service:
        encrypted(service)
        nothing_in_plain(service)
        does_not_start(service, ("a.pem", "b.key"), "certificate", "key")
        does_not_start(service, ("junk.pem", "a.key"), "certificate")
        does_not_start(service, ("a.pem", "a.pem"), "key")
        does_not_start(service, ("none.pem", "a.key"), "none.pem")
        stops_with_a_request_at_work(service)
    other = Service({"tls": {"certificate": "b.pem", "key": "b.key"}})
    certificate(other.folder, "b", ["rsa:2048"])
    with other:
        other.tls = context(other, "b")
        check(other.get("/livez").status == 200, "RSA, too")
    finish()


main()
