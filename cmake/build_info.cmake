# Script: writes base/build_info.h when its content changed.
# cmake -D ALM_SOURCE=<root> -D ALM_OUTPUT=<header> -D ALM_ENGINE_VERSION=... -P build_info.cmake
file(GLOB_RECURSE names RELATIVE "${ALM_SOURCE}/src"
  "${ALM_SOURCE}/src/*.c" "${ALM_SOURCE}/src/*.h")
list(FILTER names EXCLUDE REGEX "_(test|fuzz)\\.c$")
list(SORT names COMPARE STRING CASE SENSITIVE)
set(lines "")
foreach(name IN LISTS names)
  file(SHA256 "${ALM_SOURCE}/src/${name}" digest)
  string(APPEND lines "${digest}  ${name}\n")
endforeach()
string(SHA256 ALM_ENGINE_SOURCE_DIGEST "${lines}")

# A tree unpacked inside another repository must not report that repository's commit.
set(ALM_ENGINE_COMMIT unknown)
if(EXISTS "${ALM_SOURCE}/.git")
  execute_process(COMMAND git rev-parse --verify --quiet HEAD WORKING_DIRECTORY "${ALM_SOURCE}"
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(status EQUAL 0)
    set(ALM_ENGINE_COMMIT "${commit}")
  endif()
endif()

foreach(pair IN ITEMS "LIGHTGBM|lightgbm|lib_lightgbm" "XGBOOST|xgboost-cpu|libxgboost"
    "DUCKDB|duckdb|libduckdb")
  string(REPLACE "|" ";" pair "${pair}")
  list(GET pair 0 upper)
  list(GET pair 1 package)
  list(GET pair 2 library)
  set(ALM_${upper}_VERSION unknown)
  set(ALM_${upper}_DIGEST unknown)
  file(STRINGS "${ALM_SOURCE}/third_party/INSTALLED" lines
    REGEX "^(package sdist ${package} |file .* lib/${library}\\.so$)")
  foreach(line IN LISTS lines)
    if(line MATCHES "^package sdist [^ ]+ ([^ ]+)")
      set(ALM_${upper}_VERSION "${CMAKE_MATCH_1}")
    elseif(line MATCHES "^file ([0-9a-f]+) ")
      set(ALM_${upper}_DIGEST "${CMAKE_MATCH_1}")
    endif()
  endforeach()
endforeach()

# configure_file leaves an equal file untouched, so nothing is compiled again.
configure_file("${ALM_SOURCE}/src/base/build_info.h.in" "${ALM_OUTPUT}" @ONLY)
