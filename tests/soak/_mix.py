"""What the clients of the soak send: a table, one line for each kind of request. An endpoint that
is added to the service is added here in a line.

    Kind(share, METHOD, target, body, statuses, label, ...)

`body` is what is sent as JSON, bytes as they are, or a function of the client's random numbers.
`statuses` are all that may come; `label` says what an answer with 200 must tell about itself:
"product" (served_by, reason, ...), "batch" (each of its answers does), "oip" (version and notice),
"notice" (the header of models that nobody approved), or None."""
import json
import random
from dataclasses import dataclass, field

NODES = ("sku_1", "sku_2", "sku_3", "total")
COLUMNS = 5
DAILY = {"route": "daily"}


@dataclass(eq=False)
class Kind:
    share: int
    method: str
    target: object
    body: object = None
    statuses: tuple = (200,)
    label: str = None
    headers: dict = field(default_factory=dict)
    who: str = "token"  # or "key", "none", "bad"
    # The counters of a request whose client hung up may have it or not.
    hangs_up: bool = False


def demand(r: random.Random):
    asked = {**DAILY, "node": r.choice(NODES), "horizon": r.randint(1, 7)}
    if r.random() < .3:
        asked["granularity"] = r.choice(("day", "week", "month"))
    return asked


def demand_of_one(r):
    """Where no release may stand in for the one that is asked for: nobody answers while its run
    cannot be read. On the route `old` every run is too old, so that the rule answers."""
    return {**demand(r), **r.choice(({"route": "old"}, {"model_version": "production"}))}


def order(r):
    return {**DAILY, "node": r.choice(NODES[:3]), "lead_time_days": r.randint(1, 3),
            "review_days": 1, "service_level": r.choice((.9, .95, .99)),
            "on_hand": r.randint(0, 40)}


def computed(r):
    """The data of the soak's project are old, so that no model computes and a run stands in."""
    return {**demand(r), "node": r.choice(NODES[:3]), "features": {}, "purpose": "what_if"}


def batch(r):
    return {"requests": [demand(r) for _ in range(r.randint(1, 12))] + [{**DAILY, "node": "none"}]}


def lines(r):
    return "".join(json.dumps(demand(r)) + "\n" for _ in range(r.randint(1, 12))).encode()


def rows(r, count):
    return [[round(r.uniform(-3, 3), 3) if r.random() > .1 else None for _ in range(COLUMNS)]
            for _ in range(count)]


def tensor(r, count=None):
    count = count or r.choice((1, 1, 1, 8, 64))
    return {"inputs": [{"name": "input", "shape": [count, COLUMNS], "datatype": "FP64",
                        "data": rows(r, count)}]}


def records(r):
    names = [f"Column_{i}" for i in range(COLUMNS)]
    return {"dataframe_split": {"columns": names, "data": rows(r, 2)}}


def csv(r):
    names = ",".join(f"Column_{i}" for i in range(COLUMNS))
    return (names + "\n" + ",".join(str(round(r.uniform(-3, 3), 3)) for _ in range(COLUMNS))
            + "\n").encode()


def garbage(r):
    """Something that was a request once."""
    text = bytearray(json.dumps(r.choice((demand, order))(r)).encode())
    for _ in range(r.randint(1, 4)):
        text[r.randrange(len(text))] = r.randrange(256)
    return bytes(text)


V1, V2 = "/v1/models/m", "/v2/models/m"
P = "/api/v1/predictions"
GONE = (200, 503)  # of the model that is loaded and unloaded
MIX = (
    Kind(20, "POST", P + "/demand", demand, (200,), "product"),
    Kind(8, "POST", P + "/demand", demand, (200,), "product", who="key"),
    Kind(6, "POST", P + "/demand", demand_of_one, (200, 503), "product"),
    Kind(4, "POST", P + "/demand", {**DAILY, "node": "sku_none"}, (404,)),
    Kind(2, "POST", P + "/demand", {**DAILY, "node": "sku_1", "model_version": "demand-9"}, (404,)),
    Kind(3, "POST", P + "/demand", {"node": "sku_1", "interval": 7}, (400,)),
    Kind(2, "POST", P + "/demand", {"node": "sku_1"}, (400,)),  # of which route?
    Kind(6, "POST", P + "/demand", garbage, (200, 400, 404), "product"),
    Kind(2, "POST", P + "/demand", b'{"node": "sku_1", "horizon": ' + b"[" * 3000, (400,)),
    Kind(2, "POST", P + "/demand", demand, (401,), who="bad"),
    Kind(2, "POST", P + "/demand", demand, (401,), who="none"),
    Kind(4, "POST", P + "/stockout", {**DAILY, "product_id": "sku_1"}, (200, 404), "product"),
    Kind(8, "POST", P + "/optimize", order, (200, 409), "product"),
    Kind(6, "POST", P + "/demand", computed, (200,), "product"),
    Kind(2, "POST", P + "/demand", lambda r: {**computed(r), "purpose": "none"}, (403,)),
    Kind(3, "POST", P + "/stockout", {**DAILY, "node": "sku_1", "stock": {"on_hand": 12}}, (200,),
         "product"),
    Kind(3, "POST", "/api/v1/whatif", {**DAILY, "node": "sku_1", "scenarios": [
        {"name": "more", "demand_factor": 1.2}]}, (503,)),
    Kind(3, "POST", P + "/demand/batch", batch, (200,), "batch"),
    Kind(2, "POST", P + "/demand/batch", lines, (200,), "batch",
         headers={"Content-Type": "application/x-ndjson"}),
    Kind(2, "POST", "/api/v1/events", {"id": "e", "kind": "sale", "product_id": "sku_1",
                                       "day": "2024-02-01", "quantity": 3}, (503,)),
    Kind(2, "GET", "/api/v1/nodes?route=daily", None, (200, 503)),
    Kind(1, "GET", "/api/v1/stockouts?route=daily", None, (200, 503)),
    Kind(1, "GET", "/api/v1/routes"), Kind(1, "GET", "/api/v1/ledger"),
    Kind(1, "GET", "/api/v1/health"), Kind(1, "GET", "/api/v1/models/performance"),
    Kind(1, "GET", "/"), Kind(1, "GET", "/dashboard/none", None, (404,)),
    Kind(6, "GET", P + "/sku_2?route=daily&model_version=production", None, (200, 404, 503),
         "product"),
    Kind(3, "GET", P + "/sku_2", None, (400,)),
    Kind(5, "GET", "/api/v1/models"),
    Kind(3, "GET", "/api/v1/models/demand-2"),
    Kind(2, "GET", "/api/v1/models/demand-9", None, (404,)),
    Kind(2, "GET", "/api/v1/jobs"),
    Kind(2, "POST", "/api/v1/models/train", {"model": "demand"}, (400, 403)),
    Kind(2, "POST", "/api/v1/models/deploy", {"release": "demand-1"}, (400, 403)),
    Kind(8, "POST", V2 + "/infer", tensor, (200,), "oip"),
    Kind(2, "POST", V2 + "/versions/1/infer", tensor, (200,), "oip"),
    Kind(3, "POST", V2 + "/infer", {"inputs": [{"name": "input", "shape": [2, 9],
                                                "datatype": "FP64", "data": [1]}]}, (400,)),
    Kind(6, "POST", "/v2/models/spare/infer", tensor, GONE, "oip"),
    Kind(2, "GET", V2), Kind(1, "GET", V2 + "/ready"), Kind(1, "GET", "/v2/models/stats"),
    Kind(1, "GET", "/v2"), Kind(1, "GET", "/v2/health/ready"),
    Kind(1, "POST", "/v2/repository/index", {}),
    Kind(6, "POST", V1 + ":predict", lambda r: {"instances": rows(r, 3)}, (200,), "notice"),
    Kind(2, "GET", V1),
    Kind(2, "POST", "/invocations", records, (404,)),  # two models are served
    Kind(2, "POST", "/invocations", csv, (404,), headers={"Content-Type": "text/csv"}),
    Kind(1, "POST", "/invocations", b"\x1f\x8b\x08nothing", (400,),
         headers={"Content-Encoding": "gzip"}),
    Kind(2, "GET", "/livez"), Kind(1, "GET", "/readyz"), Kind(1, "GET", "/metrics"),
    Kind(1, "GET", "/openapi.json", headers={"Accept-Encoding": "gzip"}),
    Kind(1, "GET", "/reference"),
    Kind(1, "GET", "/no/such/thing", None, (404,)), Kind(1, "DELETE", "/livez", None, (405,)),
    Kind(2, "GET", "/version", hangs_up=True),
)
