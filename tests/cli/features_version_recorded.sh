. "$(dirname "$0")/_case.sh"
# What `features` shows is what predictions carry.
project; committed
version=$(almanac features --json | sed "s/.*feature_version\":\"\([0-9a-f]*\).*/\1/")
almanac predictions query --quiet --model production --date 2024-02-01 --format csv total \
    --steps 1 --columns feature_version > recorded || exit 1
diff recorded <(printf "feature_version\n%s\n" "$version") && echo same
