. "$(dirname "$0")/_case.sh"
almanac snapshot --sart 2023-01-01
