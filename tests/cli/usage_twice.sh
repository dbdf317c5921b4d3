. "$(dirname "$0")/_case.sh"
almanac snapshot --start 2023-01-01 --start 2023-01-02
