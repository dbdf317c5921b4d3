. "$(dirname "$0")/_case.sh"
project; commit; snapshot --quiet; almanac train --snapshot abcd
