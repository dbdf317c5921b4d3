#!/usr/bin/env bash
# What SageMaker asks of the container of a model, asked by hand: `/ping` within two seconds, and
# `/invocations` with the bytes of InvokeEndpoint, on port 8080. The platform sends no credentials,
# and almanac without access listens on loopback only, so something has to stand between the two in
# the container:
#
#     PORT=3003 almanac serve --model /opt/ml/model/model.txt &
#     socat TCP-LISTEN:8080,fork,reuseaddr TCP:127.0.0.1:3003
#
#     ALMANAC_URL=http://localhost:8080 examples/clients/sagemaker.sh ROWS.csv
set -euo pipefail
rows=${1:?a CSV file with a header}
url=${ALMANAC_URL:-http://localhost:8080}
curl --silent --show-error --fail --max-time 2 --output /dev/null \
    --write-out 'ping: %{http_code}\n' "$url/ping"
curl --silent --show-error --fail-with-body --max-time 60 --config <([ -z "${ALMANAC_TOKEN:-}" ] ||
    printf 'header = "Authorization: Bearer %s"\n' "$ALMANAC_TOKEN") \
    --header 'Content-Type: text/csv' --header 'Accept: application/json' \
    --data-binary "@$rows" "$url/invocations"
echo
