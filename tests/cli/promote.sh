. "$(dirname "$0")/_case.sh"
project; promoted; almanac models history --verify --json | grep -o "\"action\":\"[a-z]*\""
almanac models show production | head -4
