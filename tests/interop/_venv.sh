# Makes sure of third_party/venv (tools/packages/interop.txt) and sets $python to its interpreter.
# Without reach of the package index the test is skipped; any other failure fails it.
export ALMANAC_SOURCE=${ALMANAC_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
export PYTHONDONTWRITEBYTECODE=1
here=$ALMANAC_SOURCE/tests/interop
python=$ALMANAC_SOURCE/third_party/venv/bin/python
# tools/bootstrap is quick when all is there, but needs root where a Debian package is too old.
wanted=$(sha256sum < "$ALMANAC_SOURCE/tools/packages/interop.txt" | cut -d' ' -f1)
if [ "$(cat "$ALMANAC_SOURCE/third_party/venv/stamp" 2> /dev/null)" != "$wanted" ]; then
    if ! told=$("$ALMANAC_SOURCE/tools/bootstrap" --check-tools 2>&1); then
        echo "$told"
        # Words of pip and of the resolver for a network that is not there; a digest that does not
        # match or a version that is gone says something else.
        if grep -qE 'Retrying|Name or service not known|name resolution|unreachable|timed out' \
            <<< "$told"; then
            echo "skipped: the readers of the store cannot be fetched, see above"
            exit 77
        fi
        exit 1
    fi
fi
