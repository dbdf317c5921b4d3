# The example of docs/embedding.md, as C and as C++, beside what the page says it prints; and what
# libalmanac.so exports, beside the functions of include/almanac.h.
set -eu
library=$ALMANAC_BUILD/lib
cache=$ALMANAC_BUILD/CMakeCache.txt
if [ ! -e "$library/libalmanac.so" ] || grep -q '^ALM_SANITIZE:STRING=.' "$cache"; then
    echo "no libalmanac.so without sanitizers here"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

grep -o 'almanac_[a-z_]*(' "$ALMANAC_SOURCE/include/almanac.h" | tr -d '(' | sort -u \
    > "$folder/declared"
nm -D --defined-only "$library/libalmanac.so" | sed -n 's/.* T \([^@]*\).*/\1/p' | sort \
    > "$folder/exported"
diff "$folder/declared" "$folder/exported"
foreign='duckdb|lightgbm|sqlite|curl|onnxruntime'
if readelf -d "$library/libalmanac.so" | grep -E "NEEDED.*($foreign)"; then
    echo "libalmanac.so needs a library that it should not"
    exit 1
fi

# Two trees of one split each, on momentum and on spread.
tree() { # OBJECTIVE THRESHOLD LEFT RIGHT NAME
    printf 'tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n'
    printf 'max_feature_idx=0\nobjective=%s\nfeature_names=%s\nfeature_infos=none\n\n' "$1" "$5"
    printf 'Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\nthreshold=%s\n' "$2"
    printf 'decision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=%s %s\n' "$3" "$4"
    printf 'leaf_weight=1 1\nleaf_count=5 5\ninternal_value=0\ninternal_weight=2\n'
    printf 'internal_count=10\nshrinkage=1\n\nend of trees\n'
}
mkdir "$folder/scorer"
tree 'binary sigmoid:1' 1.5 -0.4 0.5 momentum > "$folder/scorer/momentum.txt"
tree 'binary sigmoid:1' 0 -0.2 0.5 spread > "$folder/scorer/spread.txt"
cat > "$folder/scorer/scorer.json" <<END
{"almanac_scorer": 1, "task": "classes", "labels": [-1, 1], "horizons": [{"name": "1",
 "members": [{"name": "momentum", "model": "momentum.txt"},
             {"name": "spread", "model": "spread.txt"}],
 "combination": {"kind": "soft_vote"}}]}
END

page=$ALMANAC_SOURCE/docs/embedding.md
strict='-Wall -Wextra -Wpedantic -Werror'
# The n-th program of the page, as C and as C++, on a model: prints the n-th of what it prints.
block() { # NUMBER BEGINNING
    awk -v wanted="$1" -v beginning="$2" '
        inside && /^```$/ { inside = 0; next }
        inside && count == wanted { print }
        $0 ~ beginning && !inside { count++; inside = 1 }' "$page"
}
try() { # NUMBER MODEL
    block "$1" '^```c$' > "$folder/program.c"
    sed -n '/it prints$/,/^## /p' "$page" > "$folder/prints"
    page=$folder/prints block "$1" '^```$' > "$folder/expected"
    [ -s "$folder/program.c" ] && [ -s "$folder/expected" ]
    # shellcheck disable=SC2086
    "${CC:-cc}" -std=c11 $strict "$folder/program.c" -I"$ALMANAC_SOURCE/include" -L"$library" \
        -lalmanac -o "$folder/as_c"
    # shellcheck disable=SC2086
    "${CXX:-c++}" -x c++ -std=c++11 $strict "$folder/program.c" -I"$ALMANAC_SOURCE/include" \
        -L"$library" -lalmanac -o "$folder/as_cxx"
    for program in as_c as_cxx; do
        LD_LIBRARY_PATH=$library "$folder/$program" "$2" > "$folder/printed"
        diff "$folder/expected" "$folder/printed"
        if LD_LIBRARY_PATH=$library "$folder/$program" "$folder/none" 2> "$folder/refused"; then
            exit 1
        fi
        grep -q "none" "$folder/refused"
    done
}
try 1 "$folder/scorer"
try 2 "$ALMANAC_SOURCE/tests/golden/signal"
