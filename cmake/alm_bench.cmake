# bench/x_bench.c becomes the program x_bench, which links everything and is no test: bench/run
# starts them, because a time on a shared machine must never decide whether a build passes.
file(GLOB bench_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/bench/*_bench.c")
add_custom_target(bench_programs)
foreach(source IN LISTS bench_sources)
  get_filename_component(name "${source}" NAME_WE)
  alm_program(${name} "${source}" ${ALM_ALL})
  add_dependencies(bench_programs ${name})
endforeach()
