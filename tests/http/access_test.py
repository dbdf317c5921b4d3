#!/usr/bin/env python3
"""Who may ask: signed tokens, keys that change, API keys, limits; nothing secret is told."""
import json
import os
import re
import tempfile
import time

import _tokens
from _service import (MODEL, SOURCE, Service, check, columns, eventually, finish, inference,
                      read_metrics, skip, total)
from _tokens import AUDIENCE, ISSUER, Key, b64, hs256, key_set

ASKED = "/metrics"  # a viewer may


def settings(**access):
    return {"listen": {"workers": 2},
            "access": {"tokens": {"keys": "keys.json", "issuer": ISSUER, "audience": [AUDIENCE],
                                  "refresh_seconds": 1, "retry_seconds": 1, "skew_seconds": 0},
                       "limits": {"requests_per_minute": 10000, "failures_per_minute": 10000},
                       **access}}


def bearer(token):
    return {"Authorization": "Bearer " + token}


def refused(service, name, headers, status, challenge=None):
    answer = service.get(ASKED, headers)
    check(answer.status == status, name, "status", answer.status, answer)
    check(answer.type == "application/problem+json", name, "is a problem", answer)
    given = answer.headers.get("www-authenticate")
    if challenge:
        check(given and given.startswith("Bearer") and challenge in given, name, "challenge", given)
    check(b"almanac_" not in answer.body, name, "gives nothing")
    return answer


def tampered(token, part):
    """One character in the middle of a part is another."""
    parts = token.split(".")
    at = len(parts[part]) // 2
    parts[part] = parts[part][:at] + ("A" if parts[part][at] != "A" else "B") + parts[part][at + 1:]
    return ".".join(parts)


def good_tokens(service, keys, secrets):
    for key in keys:
        token = key.token()
        secrets.append(token)
        for _ in range(2):  # verified, then remembered
            answer = service.get(ASKED, bearer(token))
            check(answer.status == 200, key.algorithm, "is accepted", answer)
            check(re.fullmatch(r'"default";r=\d+;t=\d+', answer.headers.get("ratelimit", "")),
                  "RateLimit", answer.headers)
            check("www-authenticate" not in answer.headers, "no challenge", answer.headers)
        check(service.get(ASKED, {"Authorization": "bEaReR " + token}).status == 200, "any case")
        for part in range(3):
            refused(service, f"{key.algorithm} with part {part} changed",
                    bearer(tampered(token, part)), 401, "invalid_token")


def bad_tokens(service, keys, secrets):
    rsa, ec, ed = keys
    now = int(time.time())
    public = rsa.public
    bare = rsa.token().rpartition(".")[0]
    none = b64({"alg": "none"}) + "." + bare.split(".")[1] + "."
    cases = {
        "expired": rsa.token(exp=now - 5),
        "never ending": rsa.token(exp=None),
        "not yet": rsa.token(nbf=now + 600),
        "wrong audience": rsa.token(aud="other"),
        "wrong audiences": rsa.token(aud=["other", "almanac2"]),
        "no audience": rsa.token(aud=None),
        "wrong issuer": rsa.token(iss=ISSUER + "/"),
        "no subject": rsa.token(sub=None),
        "alg none": none,
        "alg None": b64({"alg": "None", "kid": rsa.kid}) + "." + bare.split(".")[1] + ".",
        "alg none with a signature": rsa.token(header={"alg": "none"}),
        "no alg": rsa.token(header={"alg": None}),
        "HS256 with the public key": rsa.token(header={"alg": "HS256"}, sign=hs256(public)),
        "HS256 with the public key of EC": ec.token(header={"alg": "HS256"}, sign=hs256(ec.public)),
        "HS256 with nothing": rsa.token(header={"alg": "HS256"}, sign=hs256(b"")),
        "RS256 said of an EC key": ec.token(header={"alg": "RS256"}),
        "ES256 said of an RSA key": rsa.token(header={"alg": "ES256"}),
        "another key's kid": ec.token(header={"kid": rsa.kid, "alg": "RS256"}),
        "zero signature of ES256": ec.token(sign=lambda _: bytes(64)),
        "DER signature of ES256": ec.token(sign=lambda text: _tokens.openssl(
            "dgst", "-sha256", "-sign", ec.path, data=text)),
        "short signature of EdDSA": ed.token(sign=lambda _: bytes(63)),
        "RS512": rsa.token(header={"alg": "RS512"}),
        "a key inside": rsa.token(header={"kid": None, "jwk": rsa.jwk()}),
        "a key elsewhere": rsa.token(header={"jku": "https://evil.example.test/k"}),
        "crit": rsa.token(header={"crit": ["exp"]}),
        "kid with a path": rsa.token(header={"kid": "../../../../dev/null"}),
        "no token": "abc",
        "dots": "..",
        "four parts": rsa.token() + ".x",
        "huge": "a" * 12000,
    }
    for name, token in cases.items():
        secrets.append(token if len(token) > 20 else None)
        answer = refused(service, name, bearer(token), 401, "invalid_token")
        check("anna" not in answer.body.decode(), name, "does not tell whose it was")
    refused(service, "no credentials", {}, 401)
    answer = service.get(ASKED)
    check(answer.headers.get("www-authenticate", "").startswith("Bearer"), "challenge", answer)
    check("error=" not in answer.headers.get("www-authenticate", ""), "without an error", answer)
    refused(service, "another scheme", {"Authorization": "Basic YTpi"}, 401)
    check(service.get(ASKED + "?access_token=" + rsa.token()).status == 401, "none in the query")
    refused(service, "two credentials", {**bearer(rsa.token()), "X-API-Key": "alm_x"}, 400)
    refused(service, "no role", bearer(rsa.token(scope="openid")), 403, "insufficient_scope")
    refused(service, "a bare role", bearer(rsa.token(scope="admin viewer")), 403)
    for scope in ("almanac:admin", "almanac:predictor", "almanac:trainer", "almanac:approver"):
        check(service.get(ASKED, bearer(rsa.token(scope=scope))).status == 200, scope)
    for target in ("/livez", "/readyz", "/openapi.json"):
        check(service.get(target).status == 200, target, "asks nobody")
        check(service.get(target, bearer("bad")).status == 200, target, "whatever is in there")


def models_are_limited(service, rsa):
    scope = "almanac:predictor"
    for models, status in ((["m"], 200), (["*"], 200), (["demand-*", "m*"], 200), ([], 403),
                           (["M", "n", "mm", "*x"], 403)):
        token = rsa.token(scope=scope, models=models)
        answer = service.post("/v2/models/m/infer", inference(), bearer(token))
        check(answer.status == status, models, "for m", answer)
        # Also where the address names no model.
        answer = service.post("/invocations", {"inputs": [[0.5] * len(columns())]}, bearer(token))
        check(answer.status == (200 if status == 200 else 404), models, "for the only one", answer)
        answer = service.post("/v2/repository/index", {}, bearer(token))
        check((b'"m"' in answer.body) == (status == 200), models, "lists", answer)
    answer = service.post("/v2/models/m/infer", inference(), bearer(rsa.token()))
    check(answer.status == 403, "a viewer does not predict", answer)
    check("insufficient_scope" in answer.headers.get("www-authenticate", ""), "challenge", answer)
    answer = service.post("/v2/repository/models/m/load", {}, bearer(rsa.token(scope=scope)))
    check(answer.status == 403, "a predictor does not load", answer)


def keys_change(service, rsa):
    new = Key(service.folder, "ES256", "next")
    token, next_token = rsa.token(sub="before"), new.token(sub="after")
    check(service.get(ASKED, bearer(token)).status == 200, "the old key is good")
    refused(service, "a key of tomorrow", bearer(next_token), 401)
    service.write("keys.json", key_set(new))
    check(eventually(lambda: service.get(ASKED, bearer(next_token)).status == 200),
          "the new key is taken over")
    refused(service, "a remembered token of a removed key", bearer(token), 401)
    service.write("keys.json", '{"keys": [')
    check(eventually(lambda: any("stay in force" in line.get("message", "")
                                 for line in service.lines())), "a broken file is in the log")
    check(service.get(ASKED, bearer(next_token)).status == 200, "and changes nothing")
    service.write("keys.json", key_set(new, rsa))
    check(eventually(lambda: service.get(ASKED, bearer(token)).status == 200), "and back again")
    return [token, next_token]


def api_keys(service, key):
    for headers in ({"X-API-Key": key}, bearer(key)):
        for _ in range(2):
            answer = service.get(ASKED, headers)
            check(answer.status == 200, "an API key", answer)
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    refused(service, "a wrong secret", {"X-API-Key": wrong}, 401)
    refused(service, "an unknown id", {"X-API-Key": "alm_" + "f" * 12 + key[16:]}, 401)
    refused(service, "half a key", {"X-API-Key": key[:30]}, 401)
    with open(os.path.join(service.folder, "api_keys.json")) as file:
        kept = json.load(file)
    service.write("api_keys.json", json.dumps({"keys": []}))
    check(eventually(lambda: service.get(ASKED, {"X-API-Key": key}).status == 401),
          "a removed key stops working")
    service.write("api_keys.json", json.dumps(kept))
    check(eventually(lambda: service.get(ASKED, {"X-API-Key": key}).status == 200), "and back")
    return [key, wrong, key[17:], kept["keys"][0]["hash"]]


def nothing_secret_is_told(service, secrets):
    metrics = service.get(ASKED, bearer(secrets[0])).body.decode()
    check("almanac_http_requests_total" in metrics, "metrics", metrics[:300])
    with open(f"/proc/{service.process.pid}/cmdline", "rb") as file:
        command = file.read().decode()
    for place, text in (("log", service.text), ("metrics", metrics), ("command line", command),
                        ("document", service.get("/openapi.json").body.decode())):
        for secret in filter(None, secrets):
            signature = secret.rpartition(".")[2]
            for part in {secret, signature} if len(signature) > 20 else {secret}:
                check(part not in text, "the", place, "tells", part[:40])
        check("Bearer ey" not in text and "anna" not in text, "the", place, "names nobody")
    refusals = [line for line in service.lines() if line.get("status") == 401]
    check(refusals, "refusals are in the log")
    check(total(read_metrics(metrics), "almanac_auth_failures_total") > 0, "and counted")


def too_many(rsa):
    limited = settings(limits={"requests_per_minute": 5, "failures_per_minute": 4})
    limited["listen"]["workers"] = 1  # each remembers for itself
    service = Service(limited, options=())
    service.write("keys.json", key_set(rsa))
    with service:
        token, other = rsa.token(sub="often"), rsa.token(sub="seldom")
        left = []
        for _ in range(5):
            answer = service.get(ASKED, bearer(token))
            check(answer.status == 200, "within the limit", answer)
            left.append(int(re.search(r"r=(\d+)", answer.headers["ratelimit"])[1]))
            check(answer.headers.get("ratelimit-policy") == '"default";q=5;w=60', "policy", answer)
        check(left == sorted(left, reverse=True) and left[-1] == 0, "it counts down", left)
        answer = refused(service, "too many", bearer(token), 429)
        check(1 <= int(answer.headers.get("retry-after", "0")) <= 60, "Retry-After", answer)
        check(answer.json().get("type", "").endswith("quota-exceeded"), "type", answer)
        check('r=0' in answer.headers.get("ratelimit", ""), "RateLimit", answer)
        check(service.get(ASKED, bearer(other)).status == 200, "another one is not held back")
        statuses = [service.get(ASKED, bearer(rsa.token(exp=1, sub=str(i)))).status
                    for i in range(8)]
        check(statuses[:3] == [401] * 3 and statuses[-1] == 429, "failed attempts", statuses)
        check(service.get(ASKED, bearer(rsa.token(sub="new"))).status == 429,
              "unknown credentials are not looked at")
        check(service.get(ASKED, bearer(other)).status == 200, "remembered ones are")
        check(service.get("/livez").status == 200, "health is not limited")


def main():
    if not _tokens.is_there():
        skip("no openssl command")
    with open(os.path.join(SOURCE, "tests/golden/access/api_keys.json")) as file:
        golden = file.read()
    key = json.loads(golden)["keys"][0]["note"]
    stripped = json.loads(golden)
    stripped["keys"][0]["note"] = "of a test"
    with_keys = settings(api_keys={"file": "api_keys.json", "refresh_seconds": 1,
                                   "checks_per_minute": 1000})
    service = Service(with_keys, ("--model", MODEL), {"LOG_LEVEL": "debug"})
    keys = [Key(service.folder, name, name.lower()) for name in ("RS256", "ES256", "EdDSA")]
    service.write("keys.json", key_set(*keys))
    service.write("api_keys.json", json.dumps(stripped))
    secrets = []
    with service:
        good_tokens(service, keys, secrets)
        bad_tokens(service, keys, secrets)
        models_are_limited(service, keys[0])
        secrets += api_keys(service, key)
        secrets += keys_change(service, keys[0])
        service.write("keys.json", key_set(*keys))
        check(eventually(lambda: service.get(ASKED, bearer(secrets[0])).status == 200), "back")
        nothing_secret_is_told(service, secrets)
    with tempfile.TemporaryDirectory() as folder:
        too_many(Key(folder, "RS256", "limits"))
    finish()


main()
