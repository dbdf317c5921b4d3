. "$(dirname "$0")/_case.sh"
project; : > data/sales.csv; snapshot
