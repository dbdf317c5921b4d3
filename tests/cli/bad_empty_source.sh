. "$(dirname "$0")/_case.sh"
project; sed -i 2,5000d data/sales.csv; snapshot
