"""Keys and signed tokens (JWT) made with the `openssl` command, for tests of access."""
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import time

ISSUER, AUDIENCE = "https://id.example.test/realm", "almanac"
OPTIONS = {"RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
           "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
           "EdDSA": ["-algorithm", "ED25519"]}


def is_there():
    return shutil.which("openssl") is not None


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, check=True,
                          capture_output=True).stdout


def b64(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_of_der(der):
    """r and s of an ECDSA signature, each 32 bytes, from SEQUENCE { INTEGER, INTEGER }."""
    parts, at = [], 2
    for _ in range(2):
        size = der[at + 1]
        parts.append(int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big"))
        at += 2 + size
    return b"".join(parts)


class Key:
    def __init__(self, folder, algorithm, kid):
        self.algorithm, self.kid = algorithm, kid
        self.path = os.path.join(folder, kid + ".pem")
        openssl("genpkey", *OPTIONS[algorithm], "-out", self.path)
        self.public = openssl("pkey", "-in", self.path, "-pubout")

    def jwk(self):
        shared = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        der = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        if self.algorithm == "RS256":
            text = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode()
            n = bytes.fromhex(re.search("=([0-9A-F]+)", text)[1])
            return {"kty": "RSA", "n": b64(n), "e": "AQAB", **shared}
        if self.algorithm == "ES256":
            return {"kty": "EC", "crv": "P-256", "x": b64(der[-64:-32]), "y": b64(der[-32:]),
                    **shared}
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:]), **shared}

    def sign(self, text):
        if self.algorithm == "EdDSA":
            file = self.path + ".in"  # a one-shot algorithm reads no pipe
            with open(file, "wb") as out:
                out.write(text)
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", file)
        signature = openssl("dgst", "-sha256", "-sign", self.path, data=text)
        return raw_of_der(signature) if self.algorithm == "ES256" else signature

    def token(self, header=None, sign=None, **claims):
        """What is None among the claims is left out. `sign` replaces the signature."""
        head = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **(header or {})}
        now = int(time.time())
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "iat": now, "exp": now + 3600,
                "scope": "openid almanac:viewer", **claims}
        text = b64({k: v for k, v in head.items() if v is not None}) + "." + \
            b64({k: v for k, v in body.items() if v is not None})
        return text + "." + b64((sign or self.sign)(text.encode()))


def hs256(secret):
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def key_set(*keys):
    return json.dumps({"keys": [key.jwk() for key in keys]})
