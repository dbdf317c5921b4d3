. "$(dirname "$0")/_case.sh"
# By hand: the series ends ..., 9 and the week before the first forecast day is 6 11 12 4 8 6 9.
project; snapshot --quiet > /dev/null
tail -4000 data/sales.csv | grep sku_1 |
    sed -n "/2024-01-25/,/2024-01-31/p" |
    cut -d, -f3 | tr "\n" " "; echo
almanac features compute --snapshot cab9 --series sku_1 | cut -d, -f1-3,5-7
