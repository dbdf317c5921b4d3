. "$(dirname "$0")/_case.sh"
# Days of cover from a plan of stock that is read as observed: what is written down for days that
# are not over (999) is never seen, and a delay of the stock moves back what is.
# By hand: sku_1 sells 4 7 10 6 11 12 4 8 6 9 in the last ten days. 40 in stock on 2024-01-29 last 5
# days at 8 a day. Three days late, the 54 of the 27th last a week at 54 a week to the 28th. sku_2
# has 0 in stock, which is not known either when it comes late; of sku_3 nothing is known.
project
cat > data/stock.csv << 'END'
date,sku,on_hand
2024-01-27,sku_1,54
2024-01-29,sku_1,40
2024-01-31,sku_2,0
2024-02-01,sku_1,999
2024-02-01,sku_2,999
2024-02-01,sku_3,999
END
sed -i -e '/^# What is forecast/i\
  stock:\
    files: data/stock.csv\
    time: date\
    keys: [sku]\
    known_in_advance: true\
    publication_delay: 0\
    columns: {date: date, sku: text, on_hand: i64}\
' -e '/^  missing:/a\
  columns:\
    on_hand: {source: stock, observed: true}' -e '/^features:/a\
  - {name: cover, op: days_of_cover, column: on_hand, window: 7}\
  - {name: low, op: quantile, column: units, window: 7, level: 0.25}' almanac.yaml
cover() {
    local snap sku
    snap=$(snapshot --quiet) || exit 99
    for sku in 1 2 3; do
        almanac features compute --snapshot "$snap" --series sku_$sku | sed -n 2p | cut -d, -f1-3
    done
}
cover
replace almanac.yaml 1,99 "publication_delay: 0" "publication_delay: 3"
cover
# And a lag that the stock's delay forbids is refused, though the sales' would allow it.
sed -i "s/op: days_of_cover, column: on_hand, window: 7/op: lag, column: on_hand, lag: 9/" \
    almanac.yaml
almanac check
