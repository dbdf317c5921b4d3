. "$(dirname "$0")/_case.sh"
LOG_LEVEL=loud almanac doctor
