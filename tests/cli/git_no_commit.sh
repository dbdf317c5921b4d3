. "$(dirname "$0")/_case.sh"
project; git init -q; snapshot --quiet > /dev/null; almanac train --snapshot cab9
