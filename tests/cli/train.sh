. "$(dirname "$0")/_case.sh"
project; commit; snap=$(snapshot --quiet)
COLUMNS=200 almanac train demand --snapshot "${snap:0:8}"
almanac models list --json |
    grep -o "\"release\":\"[^\"]*\",\"aliases\":null,\"state\":\"registered\""
