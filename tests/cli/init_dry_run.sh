. "$(dirname "$0")/_case.sh"
almanac init p --dry-run; ls
