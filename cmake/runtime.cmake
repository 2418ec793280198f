# liblowbit-rt: what a program needs that runs packed networks (lowbit/runtime.h) and nothing else of lowbit:
# no training, no OpenMP, no oneDNN; jansson reads the packed file's graph. It is kept small.
file(GLOB runtime_sources CONFIGURE_DEPENDS src/bits/*.c src/kernels/*/*.c src/intnet/*.c src/runtime/*.c)
# writing packed files, and what the bench and `lowbit inspect` add
list(FILTER runtime_sources EXCLUDE REGEX "/(intnet_write|gaps_encode|weights_encode|bench|bench_[a-z_]+|inspect_[a-z_]+|kernel_info)\\.c$")
foreach(name buffer cpu fail file memory safetensors_common safetensors_read suggest)
    list(APPEND runtime_sources ${CMAKE_CURRENT_SOURCE_DIR}/src/base/${name}.c)
endforeach()
lowbit_apply_isa(runtime_sources)

# Loops over maps are compiled for speed, but not unrolled; all else for size, kernels of convolutions too,
# which hardly notice, written with instructions as they are.
set(runtime_fast ${runtime_sources})
list(FILTER runtime_fast INCLUDE REGEX
    "/(kernels/f32_dot/.*|bits/bits|intnet/act_map|intnet/post|runtime/run_post|runtime/run_pools)\\.c$")
set(runtime_small ${runtime_sources})
list(REMOVE_ITEM runtime_small ${runtime_fast})
add_library(lowbit_rt_fast OBJECT ${runtime_fast})
add_library(lowbit_rt_small OBJECT ${runtime_small})
set(optimized $<NOT:$<CONFIG:Debug>>)
target_compile_options(lowbit_rt_small PRIVATE $<${optimized}:-Os>)
target_compile_options(lowbit_rt_fast PRIVATE $<${optimized}:-O2>
    $<$<AND:${optimized},$<C_COMPILER_ID:GNU>>:-ftree-vectorize;-fvect-cost-model=dynamic>)
foreach(objects lowbit_rt_fast lowbit_rt_small)
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    # Functions in sections of their own, so that the linker leaves out those that nobody calls; no tables
    # for unwinding, which C has no use for.
    target_compile_options(${objects} PRIVATE -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables)
    target_compile_definitions(${objects} PRIVATE LB_SMALL)
    target_link_libraries(${objects} PRIVATE lowbit_settings PkgConfig::jansson)
endforeach()
set(runtime_objects $<TARGET_OBJECTS:lowbit_rt_fast> $<TARGET_OBJECTS:lowbit_rt_small>)

add_library(lowbit_rt_static STATIC ${runtime_objects})
add_library(lowbit_rt_shared SHARED ${runtime_objects})
foreach(library lowbit_rt_static lowbit_rt_shared)
    set_target_properties(${library} PROPERTIES OUTPUT_NAME lowbit-rt LINKER_LANGUAGE C)
    target_include_directories(${library} PUBLIC
        $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${library} PRIVATE lowbit_settings PkgConfig::jansson Threads::Threads m)
endforeach()
target_link_options(lowbit_rt_shared PRIVATE -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-z,norelro)
lowbit_export(lowbit_rt_shared ${CMAKE_CURRENT_SOURCE_DIR}/include/lowbit/runtime.h
    ${CMAKE_CURRENT_SOURCE_DIR}/include/lowbit/status.h)
