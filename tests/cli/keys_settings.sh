. "$(dirname "$0")/_case.sh"
# The file that the project's serve.yaml names, relative to it.
project
printf 'access:\n  api_keys: {file: secrets.json}\n' > serve.yaml
mkdir deeper && cd deeper && almanac keys add --role admin --quiet > /dev/null && ls ..
almanac keys remove 0123456789ab
