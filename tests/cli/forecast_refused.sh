. "$(dirname "$0")/_case.sh"
# Every one of these is refused with one line that says where and what to do.
try() { printf "$1" > f.csv; shift; almanac forecast f.csv "$@"; echo "$?"; }
try 'ds,y\n2024-01-01,1\n2024-01-32,2\n'
try 'ds,y\n2024-01-01,1\n2024-01-02,high\n'
try 'ds,y\n2024-01-01,"1,5"\n'
try 'ds,y\n3/4/2024,1\n'
try 'unique_id,ds,y\na,2024-01-01,1\nb,2024-01-01,1\na,2024-01-01,2\n'
try 'ds,shelf,y\n2024-01-01,a,1\n2024-01-01,b,1\n'
try 'unique_id,ds,y\n,2024-01-01,1\n'
try 'date;y\n2024-01-01;1\n'
try 'date,north,south,note\n2024-01-01,1,2,dry\n'
try '2024-01-01,1\n2024-01-02,2\n'
try 'ds,y\n'
try 'ds,y\n2024-01-01,1,2\n'
try 'ds,y\n1,1\n2,2\n9000000000,2\n'
try 'ds,y\n2024-01-01,1\n2024-01-02,2\n' --freq MS
try 'ds,y\n2024-01-01,1\n2024-01-02,2\n' --freq 1
try 'ds,y\n2024-01-01,1\n' --freq fortnight
try 'ds,y\n2024-01-01,1\n' --method teta
try 'ds,y\n2024-01-01,1\n' --level 80,101
try 'ds,y\n2024-01-01,1\n' --horizon 0
try 'ds,y\n2024-01-01,1\n' --value sold
try 'ds,y\n2024-01-01,1\n' --output f.csv
try 'ds,y\n2024-01-01,1\n' --output - --json
try 'ds,y\n9999-12-10,1\n9999-12-11,1\n' --season 1 --method naive
try 'month,y\n202411,1\n202412,2\n'
try 'ds,y\n2024-01-01,1\n' --output none/f.csv
