. "$(dirname "$0")/_case.sh"
# docs/cli.md ends with the reference that the program itself gives. After a change of a command:
#   almanac help --markdown, and put it behind the introduction.
almanac help --markdown > reference || exit 1
tail -n "$(wc -l < reference)" "$ALMANAC_SOURCE/docs/cli.md" | diff - reference && echo same
