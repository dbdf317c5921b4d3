. "$(dirname "$0")/_case.sh"
# Root ignores modes, so a file stands in the place of the folder.
project; : > .almanac; snapshot
