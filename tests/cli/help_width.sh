. "$(dirname "$0")/_case.sh"
# Examples stay in one piece, everything else is wrapped.
COLUMNS=60 almanac help snapshot | grep -v "^  almanac" | awk "length > 60" | head
echo narrow
