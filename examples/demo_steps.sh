# What the demos of the examples share; sourced by them. The caller has set `here`, its own folder.
root=$(cd "$here/../.." && pwd)
program=${ALMANAC:-$root/build/release/bin/almanac}
who='Demo <demo@example.org>'

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
began=$SECONDS

say() { printf '\n%s\n' "$*"; }
# Shows a command as one would type it, then runs it.
show() {
    printf '\n%s$ %s%s\n' "$bold" "$(quoted "$@")" "$plain"
    shift
    "$program" "$@"
}
# Words with anything but plain characters in single quotes.
quoted() {
    local word line=
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9._/=:@%+,-]*) line+=" '${word//\'/\'\\\'\'}'" ;;
        *) line+=" $word" ;;
        esac
    done
    printf '%s' "${line# }"
}
# The value of a text member of a JSON document on standard input.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }

# Makes the current folder a git repository with one commit, of an author and a date that are given.
one_commit() { # DATE MESSAGE
    export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
    export GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@example.org
    export GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@example.org
    export GIT_AUTHOR_DATE=$1 GIT_COMMITTER_DATE=$1
    git -c init.defaultBranch=main init -q .
    git add -A
    git -c core.autocrlf=false commit -qm "$2"
    printf 'commit %s\n' "$(git rev-parse HEAD)"
}

if [ ! -x "$program" ]; then
    echo "demo.sh: there is no $program; run 'make build' first, or set ALMANAC" >&2
    exit 1
fi
