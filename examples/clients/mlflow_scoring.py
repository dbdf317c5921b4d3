#!/usr/bin/env python3
"""MLflow's client: the rows of a data frame to /invocations, as to `mlflow models serve`.

    ALMANAC_URL=http://localhost:3003 ALMANAC_TOKEN=... \\
        python3 examples/clients/mlflow_scoring.py COLUMN,COLUMN,...

Needs mlflow, or mlflow-skinny with pandas and scipy. /invocations names no model, so the service
has to serve exactly one: `almanac serve --model NAME=FILE`."""
import os
import sys
from urllib.parse import urlsplit

import pandas
import requests
from mlflow.deployments import PredictionsResponse
from mlflow.pyfunc.scoring_server.client import ScoringServerClient, dump_input_data


def with_token(url, token, frame):
    """MLflow's client sends no credentials. Its two halves, what it sends and what it makes of the
    reply, are there to be used without it."""
    reply = requests.post(url + "/invocations", data=dump_input_data(frame), timeout=10, headers={
        "Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    if not reply.ok:
        raise SystemExit(f"{reply.status_code}: {reply.json()['detail']}")
    return PredictionsResponse.from_json(reply.text)


def main(columns):
    url = os.environ.get("ALMANAC_URL", "http://localhost:3003")
    frame = pandas.DataFrame([[0.5] * len(columns), [None] + [1.0] * (len(columns) - 1)],
                             columns=columns)
    place = urlsplit(url)
    client = ScoringServerClient(place.hostname, place.port)
    client.ping()
    print("served by almanac", client.get_version())
    token = os.environ.get("ALMANAC_TOKEN")
    answer = with_token(url, token, frame) if token else client.invoke(frame)
    print(answer.get_predictions().to_string(index=False))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1].split(","))
