. "$(dirname "$0")/_case.sh"
almanac snapshot --start 2023-03-01 --end 2023-03-01
