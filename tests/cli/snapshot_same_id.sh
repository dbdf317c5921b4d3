. "$(dirname "$0")/_case.sh"
# The id follows the values: not the order of rows, not the form of the file, not the folder.
project; a=$(snapshot --quiet)
{ head -1 data/sales.csv; tail -n +2 data/sales.csv | sort -t, -k3,3n -k1,1r; } > new
mv new data/sales.csv; b=$(snapshot --quiet)
gzip data/sales.csv; replace almanac.yaml 1,99 "sales.csv " "sales.csv.gz "
c=$(snapshot --quiet --threads 3); cp -r ../p ../q; cd ../q || exit 1; d=$(snapshot --quiet)
test ${#a} = 64 && test "$a $a $a" = "$b $c $d" && echo same
