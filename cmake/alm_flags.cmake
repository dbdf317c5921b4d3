# Compiler settings of every target of the tree.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# alm_assert guards production too, and NDEBUG must not change what a build does.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_DEBUG "-Og -g3")

set(ALM_SANITIZE "" CACHE STRING "Value of -fsanitize=, e.g. address,undefined or thread")
option(ALM_HOSTILE "Poison, move and shrink on purpose (ALM_HOSTILE is defined)" OFF)
option(ALM_COVERAGE "Count executed lines (gcov)" OFF)
option(ALM_FUZZ "Build *_fuzz.c with libFuzzer (needs clang)" OFF)

add_compile_definitions(_GNU_SOURCE)
# Contraction to fma would make results depend on the CPU that is compiled for.
# Nothing reads errno after sqrt, so the instruction may be used directly.
add_compile_options(-ffp-contract=off -fno-math-errno -fno-strict-aliasing
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Werror)
# The later option wins: a build folder inside the source folder is mapped by the last.
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}=."
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/="
  "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build")

if(ALM_SANITIZE)
  add_compile_options(-fsanitize=${ALM_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ALM_SANITIZE})
  if(ALM_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(ALM_HOSTILE)
  add_compile_definitions(ALM_HOSTILE=1)
endif()
if(ALM_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(ALM_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "the fuzz preset needs clang: apt-get install clang-19 libclang-rt-19-dev, "
      "then CC=clang-19 cmake --preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
