. "$(dirname "$0")/_case.sh"
# An edited row of the ledger, with the triggers removed.
project; promoted; tamper "UPDATE ledger SET why = 'forged' WHERE seq = 3"
almanac models history --verify
