# One static library alm_<folder> per folder of src/FLOORS, each linking the lower floors;
# libalmanac.a of all but app; the command almanac of app.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/FLOORS")
file(STRINGS "${CMAKE_SOURCE_DIR}/src/FLOORS" floor_lines REGEX "^floor ")

add_custom_target(build_info
  COMMAND "${CMAKE_COMMAND}" -D "ALM_SOURCE=${CMAKE_SOURCE_DIR}"
    -D "ALM_OUTPUT=${CMAKE_BINARY_DIR}/generated/base/build_info.h"
    -D "ALM_ENGINE_VERSION=${PROJECT_VERSION}"
    -D "ALM_ENGINE_COMPILER=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
    -P "${CMAKE_SOURCE_DIR}/cmake/build_info.cmake"
  BYPRODUCTS "${CMAKE_BINARY_DIR}/generated/base/build_info.h"
  COMMENT "Checking base/build_info.h" VERBATIM)

# Own sources of a folder, tests and fuzz targets left out.
function(alm_sources folder out)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${folder}/*.c")
  list(FILTER found EXCLUDE REGEX "_(test|fuzz)\\.c$")
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# Loops whose length the compiler does not know become vectors at -O3 only.
set_source_files_properties("${CMAKE_SOURCE_DIR}/src/feature/stretch.c"
  "${CMAKE_SOURCE_DIR}/src/feature/bars/bars_cell_kernels.c"
  "${CMAKE_SOURCE_DIR}/src/feature/bars/bars_window_kernels.c"
  "${CMAKE_SOURCE_DIR}/src/model/statistical/arima/arima_whiten.c"
  "${CMAKE_SOURCE_DIR}/src/model/statistical/arima/arima_values.c"
  PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-O3>")

# A choice between two values becomes a vector where the compiler need not keep the order of
# floating point exceptions, which nobody asks for; values are the same.
set_source_files_properties("${CMAKE_SOURCE_DIR}/src/num/vector_elementary.c"
  PROPERTIES COMPILE_OPTIONS "-fno-trapping-math")

# gcc before 13.3 puts vectors of 64 bytes on the shadow stack of AddressSanitizer without their
# alignment (its bug 110027), so these files are left out of the check for use after return.
if(ALM_SANITIZE MATCHES "address" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  foreach(file forest_kernel_v4 forest_kernel_wide forest_quick)
    set_source_files_properties("${CMAKE_SOURCE_DIR}/src/model/forest/${file}.c"
      PROPERTIES COMPILE_OPTIONS "--param=asan-use-after-return=0")
  endforeach()
endif()

# The dashboard as a table of bytes: written again when a file of web/ changed or came or went.
file(GLOB web_files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/web/*")
set(ALM_GENERATED_http "${CMAKE_BINARY_DIR}/generated/http/web_table.c")
add_custom_command(OUTPUT "${ALM_GENERATED_http}"
  COMMAND "${CMAKE_COMMAND}" -D "ALM_WEB=${CMAKE_SOURCE_DIR}/web"
    -D "ALM_OUTPUT=${ALM_GENERATED_http}" -P "${CMAKE_SOURCE_DIR}/cmake/web_files.cmake"
  DEPENDS ${web_files} "${CMAKE_SOURCE_DIR}/cmake/web_files.cmake"
  COMMENT "Writing http/web_table.c" VERBATIM)

set(ALM_FOLDERS "")
set(objects "")
# Lowest floor first, so that the libraries to link exist already.
list(REVERSE floor_lines)
set(ALM_LOWER "")
foreach(line IN LISTS floor_lines)
  string(REGEX REPLACE " +" ";" words "${line}")
  list(SUBLIST words 2 -1 folders)
  set(here "")
  foreach(folder IN LISTS folders)
    alm_sources(${folder} sources)
    set(ALM_LOWER_${folder} ${ALM_LOWER})
    list(APPEND ALM_FOLDERS ${folder})
    if(NOT sources OR folder STREQUAL "app")
      continue()
    endif()
    add_library(alm_${folder} STATIC ${sources} ${ALM_GENERATED_${folder}})
    target_link_libraries(alm_${folder} PUBLIC ${ALM_LOWER} ${ALM_LINK_${folder}} alm_settings)
    add_dependencies(alm_${folder} build_info)
    list(APPEND here alm_${folder})
    list(APPEND objects $<TARGET_OBJECTS:alm_${folder}>)
  endforeach()
  # The highest floor first: a static library resolves from those after it.
  list(PREPEND ALM_LOWER ${here})
endforeach()
set(ALM_ALL ${ALM_LOWER})

if(objects)
  add_library(almanac_archive STATIC ${objects})
  set_target_properties(almanac_archive PROPERTIES OUTPUT_NAME almanac LINKER_LANGUAGE C)
  target_link_libraries(almanac_archive PUBLIC ${ALM_LINK_ALL} alm_settings)
endif()

# libalmanac.so: capi/ and what it needs of the lower floors; only include/almanac.h is exported.
# A fuzz build has no main program that could give a shared library libFuzzer's symbols.
if(TARGET alm_capi AND NOT ALM_FUZZ)
  foreach(folder IN ITEMS base num feature model signal capi)
    set_target_properties(alm_${folder} PROPERTIES POSITION_INDEPENDENT_CODE ON
      C_VISIBILITY_PRESET hidden)
  endforeach()
  set(map "${CMAKE_SOURCE_DIR}/cmake/almanac.map")
  add_library(almanac_shared SHARED $<TARGET_OBJECTS:alm_capi>)
  set_target_properties(almanac_shared PROPERTIES OUTPUT_NAME almanac LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION 1 LINK_DEPENDS "${map}" BUILD_RPATH ""
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
  target_link_options(almanac_shared PRIVATE "LINKER:--version-script=${map}")
  target_link_libraries(almanac_shared PRIVATE
    alm_signal alm_feature alm_model alm_num alm_base alm_settings)
endif()

# app/main.c is the command; the rest of app/ is a library, so that tests can link it.
alm_sources(app app_sources)
list(FILTER app_sources EXCLUDE REGEX "/app/main\\.c$")
if(app_sources)
  add_library(alm_app STATIC ${app_sources})
  target_link_libraries(alm_app PUBLIC ${ALM_LOWER_app} alm_settings)
  add_dependencies(alm_app build_info)
endif()
if(EXISTS "${CMAKE_SOURCE_DIR}/src/app/main.c")
  add_executable(almanac src/app/main.c)
  if(TARGET alm_app)
    target_link_libraries(almanac PRIVATE alm_app)
  endif()
  target_link_libraries(almanac PRIVATE ${ALM_LOWER_app} alm_settings)
  add_dependencies(almanac build_info)
endif()
