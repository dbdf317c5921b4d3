# Tests are found by their names; adding one is adding its file.
#   src/**/x_test.c        links cmocka, its folder and the lower floors; label = folder
#   tests/**/x_test.c      links everything; label = folder below tests/
#   tests/embedding/x_test.c   links cmocka and libalmanac.so, as another program would
#   tests/**/x.sh, x_test.py   run with ALMANAC=<the command>; exit status 77 is a skip.
#                          Names starting with "_" are helpers, not tests.
#   **/x_fuzz.c            libFuzzer target with ALM_FUZZ, else a replay of tests/fuzz/corpus/x
set(ALM_TEST_ENVIRONMENT
  "ALMANAC=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/almanac"
  "ALMANAC_BUILD=${CMAKE_BINARY_DIR}"
  "ALMANAC_SOURCE=${CMAKE_SOURCE_DIR}"
  "CC=${CMAKE_C_COMPILER}"
  # A sanitizer's dlopen does not look into the run path of the program.
  "ALMANAC_ONNXRUNTIME=${CMAKE_SOURCE_DIR}/third_party/lib/libonnxruntime.so.1"
  "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
  "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/lsan.supp:print_suppressions=0"
  "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan.supp:halt_on_error=1"
  "UBSAN_OPTIONS=print_stacktrace=1"
  "OMP_WAIT_POLICY=passive") # spinning OpenMP threads starve the tests beside them

# Sanitizers make a test ten times slower, and more where other work shares the machine.
function(alm_register name label timeout)
  if(ALM_SANITIZE)
    math(EXPR timeout "${timeout} * 15")
  endif()
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES LABELS "${label}" TIMEOUT ${timeout}
    SKIP_RETURN_CODE 77 ENVIRONMENT "${ALM_TEST_ENVIRONMENT}")
endfunction()

function(alm_program name source)
  add_executable(${name} "${source}")
  target_link_libraries(${name} PRIVATE ${ARGN} alm_settings)
  add_dependencies(${name} build_info)
endfunction()

function(alm_fuzz source)
  get_filename_component(name "${source}" NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" what "${name}")
  if(ALM_FUZZ)
    alm_program(${name} "${source}" ${ARGN})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    alm_program(${name} "${source}" ${ARGN})
    target_sources(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c")
    set(corpus "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${what}")
    if(EXISTS "${corpus}")
      alm_register(${name}_replay fuzz 120 ${name} "${corpus}")
    endif()
  endif()
endfunction()

foreach(folder IN LISTS ALM_FOLDERS)
  set(libraries "")
  if(TARGET alm_${folder})
    set(libraries alm_${folder})
  endif()
  list(APPEND libraries ${ALM_LOWER_${folder}})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${folder}/*_test.c")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    alm_program(${name} "${source}" cmocka ${libraries})
    alm_register(${name} ${folder} 300 ${name})
  endforeach()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${folder}/*_fuzz.c")
  foreach(source IN LISTS sources)
    alm_fuzz("${source}" ${libraries})
  endforeach()
endforeach()

file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE "${CMAKE_SOURCE_DIR}/tests"
  "${CMAKE_SOURCE_DIR}/tests/*_test.c" "${CMAKE_SOURCE_DIR}/tests/*_fuzz.c"
  "${CMAKE_SOURCE_DIR}/tests/*.sh" "${CMAKE_SOURCE_DIR}/tests/*_test.py")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME_WE)
  string(REGEX REPLACE "/.*" "" label "${source}")
  set(path "${CMAKE_SOURCE_DIR}/tests/${source}")
  if(source MATCHES "(^|/)_[^/]*$")
    continue()
  elseif(source MATCHES "_fuzz\\.c$")
    alm_fuzz("${path}" ${ALM_ALL})
  elseif(label STREQUAL "embedding" AND source MATCHES "\\.c$")
    if(TARGET almanac_shared)
      alm_program(${name} "${path}" cmocka almanac_shared)
      alm_register(${name} ${label} 300 ${name})
    endif()
  elseif(source MATCHES "\\.c$")
    alm_program(${name} "${path}" cmocka ${ALM_ALL})
    alm_register(${name} ${label} 300 ${name})
  elseif(source MATCHES "\\.sh$")
    alm_register(${label}_${name} ${label} 600 bash "${path}")
  else()
    alm_register(${label}_${name} ${label} 300 python3 "${path}")
  endif()
endforeach()

# Proves that the runner can fail: this test's assertion is false, and ctest must see it.
alm_program(must_fail "${CMAKE_SOURCE_DIR}/tests/selftest/must_fail.c" cmocka)
alm_register(selftest_must_fail selftest 120 must_fail)
set_tests_properties(selftest_must_fail PROPERTIES WILL_FAIL ON)
