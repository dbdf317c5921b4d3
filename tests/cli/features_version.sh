. "$(dirname "$0")/_case.sh"
# The version follows the definition and nothing else.
project
version() { almanac features --json | sed "s/.*feature_version\":\"\([0-9a-f]*\).*/\1/"; }
a=$(version); replace almanac.yaml 1,99 "name: my_project" "name: other"; b=$(version)
replace almanac.yaml 1,99 "window: 28" "window: 27"; c=$(version)
test ${#a} = 64 && test "$a" = "$b" && test "$a" != "$c" && echo follows
