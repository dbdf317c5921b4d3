#!/usr/bin/env bash
# A client for Python, generated from the service's own document, with types for every request and
# reply. Needs openapi-python-client; generators for other languages take the same document.
#
#     ALMANAC_URL=http://localhost:3003 examples/clients/generate.sh FOLDER
#     PYTHONPATH=FOLDER python3 examples/clients/generated.py NODE
set -euo pipefail
folder=${1:?where the package almanac_client is written}
url=${ALMANAC_URL:-http://localhost:3003}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
openapi-python-client generate --url "$url/openapi.json" --meta none --overwrite \
    --config "$here/generate.yaml" --output-path "$folder/almanac_client"
