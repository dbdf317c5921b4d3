. "$(dirname "$0")/_case.sh"
project; replace data/sales.csv 9 ",[0-9]*$" ",-3"; snapshot
