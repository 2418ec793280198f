# Programs that measure, found by name: bench/NAME.c is the target NAME, built only when asked for.
file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bench/*.c)
foreach(path ${bench_sources})
    get_filename_component(name ${path} NAME_WE)
    add_executable(${name} EXCLUDE_FROM_ALL ${path})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
    target_link_libraries(${name} PRIVATE lowbit_settings lowbit_static lowbit_dependencies)
endforeach()
