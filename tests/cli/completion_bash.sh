. "$(dirname "$0")/_case.sh"
almanac completion bash > f || exit 1
# shellcheck disable=SC1091
source ./f
COMP_WORDS=(almanac models pr); COMP_CWORD=2; _almanac; echo "${COMPREPLY[@]}"
COMP_WORDS=(almanac snapshot --st); COMP_CWORD=2; _almanac; echo "${COMPREPLY[@]}"
COMP_WORDS=(almanac doc); COMP_CWORD=1; _almanac; echo "${COMPREPLY[@]}"
