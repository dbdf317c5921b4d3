. "$(dirname "$0")/_case.sh"
project; printf 'a:\n\t- b\n' >> almanac.yaml; almanac check
