. "$(dirname "$0")/_case.sh"
project; commit; snapshot --quiet > /dev/null; mkdir empty
PATH=$PWD/empty "$ALMANAC" train --snapshot cab9
