. "$(dirname "$0")/_case.sh"
# An output file is there whole or not at all: a query that fails leaves what was there, and nothing
# but a file is replaced.
project; committed
ask() { almanac predictions query --model production --date 2024-02-01 --format csv --quiet "$@"; }
echo mine > kept.csv
ask nobody --output kept.csv; echo $?; cat kept.csv
ask total --columns node --steps 1 --output kept.csv; echo $?; cat kept.csv
mkfifo pipe
ask total --output pipe; echo $?; [ -p pipe ] && echo 'still a pipe'
almanac report --model production --date 2024-02-01 --output pipe --quiet; echo $?
ls
