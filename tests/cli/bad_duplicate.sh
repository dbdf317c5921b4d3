. "$(dirname "$0")/_case.sh"
project; sed -n 7p data/sales.csv >> data/sales.csv; snapshot
