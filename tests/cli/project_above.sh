. "$(dirname "$0")/_case.sh"
project; cd data; almanac check --quiet && echo found
