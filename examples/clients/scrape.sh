#!/usr/bin/env bash
# What Prometheus would see: the metrics, checked by its own tool, beside its settings of this
# folder. Needs promtool (Debian: prometheus).
#
#     ALMANAC_URL=http://localhost:3003 ALMANAC_TOKEN=... examples/clients/scrape.sh
set -euo pipefail
url=${ALMANAC_URL:-http://localhost:3003}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

promtool check metrics < <(curl --silent --show-error --fail --config <(
    [ -z "${ALMANAC_TOKEN:-}" ] ||
        printf 'header = "Authorization: Bearer %s"\n' "$ALMANAC_TOKEN") "$url/metrics")
# The settings name a file with the key: it has to be there to be checked.
cp "$here/prometheus.yml" "$here/alerts.yml" "$work"
touch "$work/almanac.key"
promtool check config "$work/prometheus.yml"
