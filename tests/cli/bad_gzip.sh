. "$(dirname "$0")/_case.sh"
project; gzip data/sales.csv; truncate -s 2000 data/sales.csv.gz
replace almanac.yaml 1,99 "sales.csv " "sales.csv.gz "; snapshot
