. "$(dirname "$0")/_case.sh"
# The same inputs give the same bundle and so the same release, with any number of threads.
project; trained; almanac train --snapshot "$snap" --quiet --threads 3 --who other --why again
almanac models list --json | grep -o "\"release\"" | wc -l
