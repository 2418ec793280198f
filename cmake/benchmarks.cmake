# Programs that measure, found by name: bench/NAME.c, or all of bench/NAME/ where it has a
# NAME.c, is the target NAME, built only when asked for.
file(GLOB bench_programs CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bench/*.c
    ${CMAKE_CURRENT_SOURCE_DIR}/bench/compare_*/compare_*.c)
foreach(path ${bench_programs})
    get_filename_component(name ${path} NAME_WE)
    get_filename_component(folder ${path} DIRECTORY)
    set(files ${path})
    if(folder MATCHES "/${name}$")
        file(GLOB files CONFIGURE_DEPENDS ${folder}/*.c)
    endif()
    add_executable(${name} EXCLUDE_FROM_ALL ${files})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
    target_link_libraries(${name} PRIVATE lowbit_settings lowbit_static lowbit_dependencies)
endforeach()

# XNNPACK (libxnnpack-dev) is compared where it is installed.
find_library(XNNPACK_LIBRARY XNNPACK)
find_library(PTHREADPOOL_LIBRARY pthreadpool)
if(XNNPACK_LIBRARY AND PTHREADPOOL_LIBRARY)
    target_compile_definitions(compare_convolutions PRIVATE HAVE_XNNPACK)
    target_link_libraries(compare_convolutions PRIVATE ${XNNPACK_LIBRARY} ${PTHREADPOOL_LIBRARY})
else()
    get_target_property(files compare_convolutions SOURCES)
    list(FILTER files EXCLUDE REGEX "/peer_xnnpack\\.c$")
    set_target_properties(compare_convolutions PROPERTIES SOURCES "${files}")
endif()
