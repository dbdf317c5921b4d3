. "$(dirname "$0")/_case.sh"
project; snapshot --quiet > /dev/null; almanac train --snapshot cab9
