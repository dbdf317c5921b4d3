#!/usr/bin/env python3
"""The client that generate.sh makes: requests and replies are objects with types.

    ALMANAC_URL=http://localhost:3003 ALMANAC_TOKEN=... \\
        PYTHONPATH=FOLDER python3 examples/clients/generated.py NODE"""
import os
import sys

from almanac_client import AuthenticatedClient, Client
from almanac_client.api.models import list_models
from almanac_client.api.predictions import advise_order, predict_demand
from almanac_client.models import DemandRequest, Forecast, OrderRequest, Problem


def main(node):
    url = os.environ.get("ALMANAC_URL", "http://localhost:3003")
    token = os.environ.get("ALMANAC_TOKEN")
    with AuthenticatedClient(url, token) if token else Client(url) as client:
        known = list_models.sync(client=client)
        print("releases:", ", ".join(model.id for model in known.models))
        forecast = predict_demand.sync(client=client, body=DemandRequest(node=node, horizon=2))
        assert isinstance(forecast, Forecast), forecast
        for day in forecast.predictions:
            print(day.timestamp, day.value, f"by {forecast.served_by} of {forecast.model_version}")
        advice = advise_order.sync(client=client, body=OrderRequest(
            node=node, lead_time_days=2, review_days=1, service_level=0.95, on_hand=5))
        print("order", advice.order)
        # A refusal is an object as well.
        refused = predict_demand.sync(client=client, body=DemandRequest(node="nobody-sells-this"))
        assert isinstance(refused, Problem), refused
        print("refused:", refused.status, refused.detail)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
