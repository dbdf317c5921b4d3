# Pinned libraries of third_party/ and the system libraries, by the folder that may use them.
set(third "${CMAKE_SOURCE_DIR}/third_party")
if(NOT EXISTS "${third}/INSTALLED")
  message(FATAL_ERROR "third_party/ is incomplete: run tools/bootstrap first")
endif()

foreach(library IN ITEMS sqlite3 crypto jansson yaml z zstd sleef microhttpd
    hiredis rhonabwy sodium cmocka)
  find_library(ALM_LIB_${library} NAMES ${library})
  if(NOT ALM_LIB_${library})
    message(FATAL_ERROR "lib${library} not found: run tools/bootstrap first")
  endif()
endforeach()
find_package(Threads REQUIRED)

set(ALM_LINK_base crypto hiredis jansson yaml z zstd)
set(ALM_LINK_num sleef)
set(ALM_LINK_table duckdb)
set(ALM_LINK_store sqlite3)
set(ALM_LINK_train _lightgbm xgboost)
set(ALM_LINK_http microhttpd rhonabwy sodium)
set(ALM_LINK_ALL ${ALM_LINK_base} ${ALM_LINK_num} ${ALM_LINK_table} ${ALM_LINK_store}
  ${ALM_LINK_train} ${ALM_LINK_http})

# Only paths relative to the binary go into it: the tree may be moved, and two
# checkouts in different folders make the same bytes.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
file(RELATIVE_PATH rpath "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}" "${third}/lib")
set(CMAKE_BUILD_RPATH "$ORIGIN/${rpath}")

add_library(alm_settings INTERFACE)
target_include_directories(alm_settings INTERFACE
  "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include" "${CMAKE_BINARY_DIR}/generated")
target_include_directories(alm_settings SYSTEM INTERFACE "${third}/include")
# A link directory would add its absolute path to the run path; a plain -L does not.
target_link_options(alm_settings INTERFACE "-L${third}/lib" "LINKER:--as-needed")
target_link_libraries(alm_settings INTERFACE Threads::Threads m)
