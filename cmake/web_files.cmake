# Script: writes the files of web/ as one C file with the table of http/web_files.h.
# cmake -D ALM_WEB=<folder> -D ALM_OUTPUT=<file.c> -P web_files.cmake
file(GLOB names RELATIVE "${ALM_WEB}" "${ALM_WEB}/*.html" "${ALM_WEB}/*.css" "${ALM_WEB}/*.js"
  "${ALM_WEB}/*.svg")
list(SORT names COMPARE STRING CASE SENSITIVE)
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

set(arrays "")
set(table "")
set(index 0)
foreach(name IN LISTS names)
  file(READ "${ALM_WEB}/${name}" hex HEX)
  file(SHA256 "${ALM_WEB}/${name}" digest)
  file(SIZE "${ALM_WEB}/${name}" size)
  string(SUBSTRING "${digest}" 0 20 tag)
  string(REGEX REPLACE "^.*\\." "" ending "${name}")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  # Lines of 18 bytes, so that tools which read lines can.
  string(REPEAT "." 90 line)
  string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const unsigned char file_${index}[] = {\n${bytes}};\n")
  string(APPEND table "    {\"${name}\", \"${type_${ending}}\", \"W/\\\"${tag}\\\"\", \
file_${index}, ${size}},\n")
  math(EXPR index "${index} + 1")
endforeach()

file(WRITE "${ALM_OUTPUT}" "/* Written by cmake/web_files.cmake from web/. */
#include \"http/web_files.h\"

${arrays}
const alm_web_file alm_web_files[] = {
${table}};
const size_t alm_web_file_count = ${index};
")
