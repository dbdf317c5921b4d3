. "$(dirname "$0")/_case.sh"
project; trained; echo "#" >> almanac.yaml; almanac rebuild demand-1 --verify
