. "$(dirname "$0")/_case.sh"
project; commit; snapshot --quiet > /dev/null; echo "#" >> almanac.yaml; : > extra
almanac train --snapshot cab9
