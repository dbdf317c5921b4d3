. "$(dirname "$0")/_case.sh"
project; replace data/sales.csv 9 "sku_" "sk\\xff_"; snapshot
