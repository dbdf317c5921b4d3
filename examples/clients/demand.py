#!/usr/bin/env python3
"""Python and requests: the product API with a token, problems, and what to do when it says later.

    ALMANAC_URL=http://localhost:3003 ALMANAC_TOKEN=... python3 examples/clients/demand.py NODE ...

Needs the package requests and nothing of almanac's."""
import os
import sys
import time

import requests


class Problem(Exception):
    """A refusal (RFC 9457). `detail` is for people; `status` and `pointer` are for programs."""

    def __init__(self, reply):
        try:
            problem = reply.json()
        except ValueError:  # something between here and the service answered
            problem = {"title": reply.reason, "detail": reply.text[:200]}
        self.status, self.pointer = reply.status_code, problem.get("pointer")
        self.request_id = reply.headers.get("X-Request-ID")  # what to ask the operator about
        super().__init__(f"{self.status} {problem.get('title')}: {problem.get('detail')} "
                         f"(request {self.request_id})")


class Almanac:
    """One session: connections are kept open, which saves more than anything else here."""

    def __init__(self, url, token=None, attempts=4, timeout=5.0):
        self.url, self.attempts, self.timeout = url.rstrip("/"), attempts, timeout
        self.session = requests.Session()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method, path, body=None, **query):
        """The reply as an object. Asking for a prediction changes nothing, so it may be repeated:
        after a lost connection, and after 429 and 503 when the service says (Retry-After)."""
        for attempt in range(self.attempts):
            is_last = attempt + 1 == self.attempts
            try:
                reply = self.session.request(method, self.url + path, json=body, params=query,
                                             timeout=self.timeout)
            except requests.ConnectionError:
                if is_last:
                    raise
                time.sleep(0.2 * 2 ** attempt)
                continue
            if reply.status_code in (429, 503) and not is_last:
                time.sleep(float(reply.headers.get("Retry-After", 0.2 * 2 ** attempt)))
                continue
            if not reply.ok:
                raise Problem(reply)
            return reply.json()

    def demand(self, node, **terms):
        return self.ask("POST", "/api/v1/predictions/demand", {"node": node, **terms})

    def order(self, node, **terms):
        return self.ask("POST", "/api/v1/predictions/optimize", {"node": node, **terms})

    def models(self):
        return self.ask("GET", "/api/v1/models")["models"]


def show(forecast):
    """An answer says who gave it. One that is degraded is an answer all the same; whether it will
    do is for the caller to say."""
    note = f", instead of what was asked for: {forecast['reason']}" if forecast["degraded"] else ""
    print(f"{forecast['node']}: {forecast['model_version']}, by {forecast['served_by']}{note}")
    for day in forecast["predictions"]:
        interval = day["confidence_interval"]
        span = f"{interval['low']:g} to {interval['high']:g}" if interval else "no interval"
        print(f"  {day['timestamp']}  {day['value']:8.2f}  {span}")


def main(nodes):
    almanac = Almanac(os.environ.get("ALMANAC_URL", "http://localhost:3003"),
                      os.environ.get("ALMANAC_TOKEN"))
    print("releases:", ", ".join(model["id"] for model in almanac.models()))
    for node in nodes:
        forecast = almanac.demand(node, horizon=3, interval=0.9)
        show(forecast)
        if forecast["level"] == "series":  # what is ordered are products, not sums of them
            advice = almanac.order(node, lead_time_days=2, review_days=1, service_level=0.95,
                                   on_hand=5)
            print(f"  order {advice['order']:g} now")
    try:
        almanac.demand(nodes[0], horizon=3, interval=2)
    except Problem as problem:
        print("refused:", problem, "at", problem.pointer)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
