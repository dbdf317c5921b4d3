"""Keys, tokens and hashes of other implementations: jwks.json, rotated.json, cases.json and
api_keys.json.

    python3 generate.py        (PyJWT 2.15.1, cryptography 50.0.2, argon2-cffi 25.1.0)

Writes beside itself. The keys are made for these files and thrown away, so every run gives other
bytes. `NOW` is the time at which the test reads the tokens. A case says what must come of it:
"ok", or the name of the error and a part of its message.
"""
import base64
import hashlib
import hmac
import json
import pathlib

import argon2
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

HERE = pathlib.Path(__file__).parent
NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://id.example.test/realm", "almanac"
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": NOW + 600, "iat": NOW,
          "scope": "openid almanac:predictor"}


def b64(data):
    if not isinstance(data, bytes):
        data = data if isinstance(data, str) else json.dumps(data)
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(private, algorithm, **more):
    made = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key()))
    made.pop("key_ops", None)
    return {**made, **more}


rsa_key = rsa.generate_private_key(65537, 2048)
ec_key = ec.generate_private_key(ec.SECP256R1())
ed_key = ed25519.Ed25519PrivateKey.generate()
weak_key = rsa.generate_private_key(65537, 1024)
large_key = ec.generate_private_key(ec.SECP384R1())
new_key = ec.generate_private_key(ec.SECP256R1())
other_rsa = rsa.generate_private_key(65537, 2048)

KEYS = [
    jwk(rsa_key, "RS256", kid="rsa-1", use="sig", alg="RS256"),
    jwk(ec_key, "ES256", kid="ec-1", use="sig"),
    jwk(ed_key, "EdDSA", kid="ed-1", key_ops=["verify"]),
    # Left out, each for another reason.
    jwk(weak_key, "RS256", kid="weak", use="sig"),
    jwk(large_key, "ES384", kid="large"),
    jwk(other_rsa, "RS256", kid="encrypts", use="enc"),
    jwk(other_rsa, "RS256", kid="pss", alg="PS256"),
    {"kty": "oct", "kid": "shared", "k": b64(b"0" * 32)},
]
ROTATED = [jwk(new_key, "ES256", kid="ec-2"), jwk(ed_key, "EdDSA", kid="ed-1")]

cases = []


def case(name, token, outcome="ok", message="", **more):
    cases.append({"name": name, "token": token, "outcome": outcome, "message": message, **more})


def sign(claims=None, key=ec_key, algorithm="ES256", kid="ec-1", **header):
    if kid:
        header["kid"] = kid
    return jwt.encode({**CLAIMS, **(claims or {})}, key, algorithm, headers=header)


def without(name, **more):
    left = {**CLAIMS, **more}
    del left[name]
    return jwt.encode(left, ec_key, "ES256", headers={"kid": "ec-1"})


def raw(header, payload, key=ec_key):
    """Signed by ES256 whatever the header says."""
    text = f"{b64(header)}.{b64(payload)}"
    return f"{text}.{b64(jwt.get_algorithm_by_name('ES256').sign(text.encode(), key))}"


# ---- accepted ----
case("RS256", sign(None, rsa_key, "RS256", "rsa-1"), roles="viewer predictor")
case("ES256", sign(), roles="viewer predictor")
case("EdDSA", sign(None, ed_key, "EdDSA", "ed-1"), roles="viewer predictor")
case("no kid, one key fits", sign(kid=None), roles="viewer predictor")
case("access token of RFC 9068", sign(typ="at+jwt"), roles="viewer predictor")
case("typ in full", sign(typ="application/JWT"), roles="viewer predictor")
case("audience is a list", sign({"aud": ["other", AUDIENCE]}), roles="viewer predictor")
case("second audience of the rules", sign({"aud": "almanac-batch"}), roles="viewer predictor")
case("expired within the skew", sign({"exp": NOW - 29}), roles="viewer predictor")
case("not yet valid within the skew", sign({"nbf": NOW + 30}), roles="viewer predictor")
case("exp with a fraction", sign({"exp": NOW + 0.5}), roles="viewer predictor")
case("scp as a list", sign({"scope": "", "scp": ["almanac:trainer", "x"]}),
     roles="viewer trainer")
case("scp as a text", sign({"scope": "", "scp": "x almanac:approver"}), roles="viewer approver")
case("roles", sign({"scope": "", "roles": ["almanac:admin"]}),
     roles="viewer predictor trainer approver admin")
case("bare names are of another system", sign({"scope": "admin predictor", "roles": ["admin"]}),
     roles="")
case("unknown scopes are ignored", sign({"scope": "almanac: almanac:root almanac:viewer"}),
     roles="viewer")
case("models", sign({"models": ["demand-*", "price"]}), roles="viewer predictor",
     models=["demand-*", "price"])
case("no models", sign({"models": []}), roles="viewer predictor", models=[])
case("an unknown header member", sign(x5t="AAAA"), roles="viewer predictor")

# ---- the algorithm ----
public_pem = rsa_key.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def hmac_token(secret, kid):
    text = f"{b64({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{b64(CLAIMS)}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


case("alg none, no signature", f"{b64({'alg': 'none'})}.{b64(CLAIMS)}.", "INVALID", "three parts")
case("alg none, some signature", f"{b64({'alg': 'none'})}.{b64(CLAIMS)}.AAAA", "DENIED", "alg")
case("alg None", f"{b64({'alg': 'None'})}.{b64(CLAIMS)}.AAAA", "DENIED", "alg")
case("HS256 with the public key as its secret", hmac_token(public_pem, "rsa-1"), "DENIED", "alg")
case("HS256 with a shared key of the set", hmac_token(b"0" * 32, "shared"), "DENIED", "alg")
case("PS256", sign(None, rsa_key, "PS256", "rsa-1"), "DENIED", "alg")
case("RS512", sign(None, rsa_key, "RS512", "rsa-1"), "DENIED", "alg")
case("alg in lower case", raw({"alg": "es256", "kid": "ec-1"}, CLAIMS), "DENIED", "alg")
case("no alg", raw({"kid": "ec-1"}, CLAIMS), "DENIED", "alg")
case("alg is a list", raw({"alg": ["ES256"], "kid": "ec-1"}, CLAIMS), "DENIED", "alg")
case("ES256 with the kid of an RSA key", sign(kid="rsa-1"), "NOT_FOUND", "no key")
case("EdDSA with the kid of an EC key", sign(None, ed_key, "EdDSA", "ec-1"), "NOT_FOUND", "no key")

# ---- keys ----
case("an unknown kid", sign(kid="ec-2"), "NOT_FOUND", "no key")
case("a key below 2048 bits", sign(None, weak_key, "RS256", "weak"), "NOT_FOUND", "no key")
case("a key for encryption", sign(None, other_rsa, "RS256", "encrypts"), "NOT_FOUND", "no key")
case("another key of that kid", sign(None, new_key), "DENIED", "signature")
case("another RSA key of that kid", sign(None, other_rsa, "RS256", "rsa-1"), "DENIED", "signature")
case("its own key in jwk", sign(None, new_key, jwk=jwk(new_key, "ES256")), "DENIED", "jwk")
case("its own keys by jku", sign(None, new_key, jku="https://evil.test/k"), "DENIED", "jku")
case("its own certificate by x5u", sign(None, new_key, x5u="https://evil.test/c"), "DENIED", "x5u")
case("its own certificate in x5c", sign(None, new_key, x5c=["AAAA"]), "DENIED", "x5c")
case("crit", sign(crit=["exp"]), "DENIED", "crit")
case("b64 false", raw({"alg": "ES256", "kid": "ec-1", "b64": False}, CLAIMS), "DENIED", "b64")
case("a nested token", sign(cty="JWT"), "DENIED", "cty")
case("another typ", sign(typ="logout+jwt"), "DENIED", "typ")
case("kid is a number", raw({"alg": "ES256", "kid": 1}, CLAIMS), "INVALID", "kid")
case("kid too long", raw({"alg": "ES256", "kid": "k" * 257}, CLAIMS), "INVALID", "kid")

# ---- claims ----
case("expired", sign({"exp": NOW - 30}), "DENIED", "expired")
case("no exp", without("exp"), "DENIED", "exp")
case("exp is a text", raw({"alg": "ES256", "kid": "ec-1"}, {**CLAIMS, "exp": "1900000000"}),
     "DENIED", "exp")
case("exp beyond the calendar", sign({"exp": 10**17}), "DENIED", "exp")
case("exp is negative", sign({"exp": -1}), "DENIED", "exp")
case("exp is huge", raw({"alg": "ES256", "kid": "ec-1"},
                        json.dumps(CLAIMS).replace(str(NOW + 600), "1e300")), "DENIED", "exp")
case("not yet valid", sign({"nbf": NOW + 31}), "DENIED", "not valid yet")
case("nbf is a text", sign({"nbf": "soon"}), "DENIED", "nbf")
case("wrong issuer", sign({"iss": ISSUER + "/"}), "DENIED", "iss")
case("no issuer", without("iss"), "DENIED", "iss")
case("wrong audience", sign({"aud": "almanac2"}), "DENIED", "aud")
case("wrong audiences", sign({"aud": ["a", "b"]}), "DENIED", "aud")
case("audience is an object",
     raw({"alg": "ES256", "kid": "ec-1"}, {**CLAIMS, "aud": {"almanac": "almanac"}}),
     "DENIED", "aud")
case("no audience", without("aud"), "DENIED", "aud")
case("no subject", without("sub"), "DENIED", "sub")
case("a line break in the subject", sign({"sub": "anna\nadmin"}), "DENIED", "sub")
case("a long subject", sign({"sub": "a" * 257}), "DENIED", "sub")
case("scope is a list", sign({"scope": ["almanac:admin"]}), "DENIED", "scope")
case("roles holds a number", sign({"roles": [1]}), "DENIED", "roles")
case("models is a text", sign({"models": "demand"}), "DENIED", "models")
case("a blank pattern", sign({"models": [""]}), "DENIED", "models")
case("too many patterns", sign({"models": ["m"] * 65}), "DENIED", "models")

# ---- the bytes ----
good = sign()
head, body, signature = good.split(".")
case("nothing", "", "INVALID", "three parts")
case("two parts", f"{head}.{body}", "INVALID", "three parts")
case("four parts", good + ".AAAA", "INVALID", "three parts")
case("five parts, encrypted", "a.b.c.d.e", "INVALID", "three parts")
case("truncated", good[:-1], "INVALID", "base64url")
case("truncated by six characters", good[:-6], "DENIED", "size")
case("an empty signature", f"{head}.{body}.", "INVALID", "three parts")
case("padding", good + "==", "INVALID", "base64url")
case("a character of base64", f"{head}.{body}.+{signature[1:]}", "INVALID", "base64url")
case("a blank inside", f"{head}. {body[1:]}.{signature}", "INVALID", "base64url")
last = {"A": "B", "Q": "R", "g": "h", "w": "x"}[signature[-1]]
case("unused bits are set", good[:-1] + last, "INVALID", "base64url")
case("a changed payload", f"{head}.{b64({**CLAIMS, 'sub': 'admin'})}.{signature}", "DENIED",
     "signature")
case("a changed signature", f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
     "DENIED", "signature")
case("a signature of zeros", f"{head}.{body}.{'A' * 86}", "DENIED", "signature")
case("a DER signature", f"{head}.{body}.{b64(bytes(70))}", "DENIED", "size")
case("oversize", sign({"pad": "x" * 8192}), "INVALID", "longer")
case("header is no JSON", f"{b64('{alg')}.{body}.{signature}", "INVALID", "header")
case("header is a list", f"{b64([1])}.{body}.{signature}", "INVALID", "header")
case("alg twice", raw('{"alg":"none","alg":"ES256","kid":"ec-1"}', CLAIMS), "INVALID", "header")
case("sub twice", raw({"alg": "ES256", "kid": "ec-1"},
                      json.dumps(CLAIMS)[:-1] + ',"sub":"admin"}'), "INVALID", "payload")
case("payload is no JSON", raw({"alg": "ES256", "kid": "ec-1"}, "hello"), "INVALID", "payload")
case("payload is a list", raw({"alg": "ES256", "kid": "ec-1"}, [1]), "INVALID", "payload")
case("payload is empty", raw({"alg": "ES256", "kid": "ec-1"}, ""), "INVALID", "three parts")
case("payload is not UTF-8", raw({"alg": "ES256", "kid": "ec-1"}, b'{"sub":"\xff"}'), "INVALID",
     "payload")
case("payload is deep", raw({"alg": "ES256", "kid": "ec-1"}, "[" * 65 + "]" * 65), "INVALID",
     "payload")

rotated = [{"name": "the new key", "token": sign(None, new_key, kid="ec-2")},
           {"name": "the old key", "token": good},
           {"name": "a key that stays", "token": sign(None, ed_key, "EdDSA", "ed-1")}]


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1) + "\n")


write("jwks.json", {"keys": KEYS})
write("rotated.json", {"keys": ROTATED})
write("cases.json", {"now": NOW, "cases": cases, "rotated": rotated})

secret = hashlib.sha256(b"a secret of the test").hexdigest()
hasher = argon2.PasswordHasher(time_cost=3, memory_cost=8192, parallelism=1, salt_len=16)
write("api_keys.json", {"keys": [
    {"id": "0123456789ab", "hash": hasher.hash(secret), "roles": ["trainer"],
     "created": "2026-11-28T10:00:00Z", "note": f"alm_0123456789ab_{secret}"}]})
