. "$(dirname "$0")/_case.sh"
# No project: two series by quarter, one of them with a gap, in no order.
{
    echo 'unique_id,ds,y'
    for year in 2018 2019 2020 2021 2022 2023; do
        for quarter in 4 2 1 3; do
            echo "north,${year}Q$quarter,$((100 + (year - 2018) * 4 + quarter * 10))"
            [ "$year$quarter" = 20201 ] || echo "south,${year}Q$quarter,$((50 - quarter)).5"
        done
    done
} > sales.csv
COLUMNS=80 almanac forecast sales.csv --horizon 4 --paths 0 --method theta; ls -A
