. "$(dirname "$0")/_case.sh"
# What a killed command left goes when it is a day old; younger files may have an owner.
project; commit; snapshot --quiet > /dev/null
mkdir -p .almanac/scratch/old/spill .almanac/scratch/new .almanac/scratch/written
touch .almanac/scratch/old/leaves .almanac/scratch/new/leaves .almanac/scratch/written/leaves
mkdir -p .almanac/objects/_staging && touch .almanac/objects/_staging/half
touch -d '3 days ago' .almanac/objects/_staging/half .almanac/scratch/old/leaves \
    .almanac/scratch/old/spill .almanac/scratch/old .almanac/scratch/written
mkdir -p .almanac/backtest/old .almanac/backtest/new && touch -d '3 days ago' .almanac/backtest/old
almanac doctor --clean | grep -E 'clean|scratch|backtest'
ls .almanac/scratch .almanac/backtest
