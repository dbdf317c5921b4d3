. "$(dirname "$0")/_case.sh"
printf 'X1,X2\n1,2\n' > rows.csv
almanac predict --model model.txt rows.csv
