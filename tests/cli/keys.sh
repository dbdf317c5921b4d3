. "$(dirname "$0")/_case.sh"
# A key is printed once and kept as a hash; listing shows neither.
key=$(almanac keys add --file keys.json --role predictor,trainer --model 'demand*,stock' \
    --expires 2999-01-01 --note 'warehouse 7' 2> note) || exit 99
cat note >&2
echo "$key" | grep -cE '^alm_[0-9a-f]{12}_[0-9a-f]{64}$'
grep -c "${key#alm_*_}" keys.json
stat -c %a keys.json
almanac keys list --file keys.json
almanac keys add --file keys.json --role viewer --json --quiet | sed 's/_[0-9a-f]*"/_.."/'
almanac keys list --file keys.json --json | grep -c hash
id=${key#alm_}
chmod 644 keys.json
almanac keys remove --file keys.json "${id%_*}"
stat -c %a keys.json
almanac keys list --file keys.json --json | grep -o '"roles":"[a-z ]*"'
