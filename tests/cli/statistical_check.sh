. "$(dirname "$0")/_case.sh"
# What a statistical model cannot have, and a name that is none.
project
python3 - << 'END'
text = open("almanac.yaml").read()
text = text.replace("    horizon:", "    method: statistical\n    horizon:", 1)
open("almanac.yaml", "w").write(text)
END
almanac check
python3 - << 'END'
text = open("almanac.yaml").read().replace("method: statistical", "kinds: {lumpy: [imappa]}")
open("almanac.yaml", "w").write(text)
END
almanac check
