. "$(dirname "$0")/_case.sh"
almanac help run > a; almanac run --help > b; almanac --help > c; almanac help > d
cmp a b && cmp c d && echo same
