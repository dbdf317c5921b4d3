. "$(dirname "$0")/_case.sh"
almanac snapshot --dry-run=yes
