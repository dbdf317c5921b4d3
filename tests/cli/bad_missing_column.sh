. "$(dirname "$0")/_case.sh"
project; replace data/sales.csv 1 units unit; snapshot
