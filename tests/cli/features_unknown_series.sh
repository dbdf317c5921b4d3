. "$(dirname "$0")/_case.sh"
project; snapshot --quiet > /dev/null; almanac features compute --snapshot cab9 --series sku_9
