#!/usr/bin/env bash
# curl: demand, risk, order advice and what a refusal looks like.
#
#     ALMANAC_URL=http://localhost:3003 ALMANAC_TOKEN=... examples/clients/ask.sh NODE
#
# The token is a JWT of your provider or an API key of `almanac keys add`; with `almanac serve
# --development` there is none. It goes to curl through a file descriptor: a header on the command
# line could be read by everybody who lists the processes.
set -euo pipefail
node=${1:?the node, such as sku_1}
url=${ALMANAC_URL:-http://localhost:3003}

# ask METHOD PATH [BODY]: the reply; a status of 400 and more is an error (--fail-with-body shows
# the problem all the same). 429 and 503 are tried again after Retry-After, as are lost connections.
ask() {
    local status=0
    curl --silent --show-error --fail-with-body --retry 3 --retry-connrefused --compressed \
        --config <([ -z "${ALMANAC_TOKEN:-}" ] ||
            printf 'header = "Authorization: Bearer %s"\n' "$ALMANAC_TOKEN") \
        --request "$1" --header 'Content-Type: application/json' ${3:+--data-binary "$3"} \
        "$url$2" || status=$?
    echo
    return "$status"
}

# What is committed: the next days, with an interval; then whole weeks.
ask POST /api/v1/predictions/demand "{\"node\": \"$node\", \"horizon\": 3, \"interval\": 0.9}"
ask POST /api/v1/predictions/demand "{\"node\": \"$node\", \"granularity\": \"week\"}"

# What to order now: the terms are the buyer's, the demand is the run's.
ask POST /api/v1/predictions/optimize "{\"node\": \"$node\", \"lead_time_days\": 2,
    \"review_days\": 1, \"service_level\": 0.95, \"on_hand\": 10}"

# The models, and what one release has predicted. Nothing here means `the latest`: name one.
ask GET /api/v1/models
ask GET "/api/v1/predictions/$node?model_version=production"

# A refusal is a problem (RFC 9457): `detail` says what to do, `pointer` which value it is about.
ask POST /api/v1/predictions/demand '{"node": "nobody-sells-this"}' || echo "curl: status $?"
