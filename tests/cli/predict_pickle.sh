. "$(dirname "$0")/_case.sh"
printf '\200\004\225\0\0' > model.pkl
printf 'X1\n1\n' > rows.csv
almanac predict --model model.pkl rows.csv
