. "$(dirname "$0")/_case.sh"
almanac keys add --role admin
