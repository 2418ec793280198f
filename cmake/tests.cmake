# Tests are found by name: tests/FOLDER/test_NAME.c (a cmocka program), .sh (bash) or .py (python3).
# A line `ctest: label tsan` or `ctest: timeout 600` in a comment of the file labels it or changes its
# time limit; the folder is a label too. Scripts that exit with 77 were skipped.
pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
find_program(BASH_PROGRAM bash REQUIRED)
find_program(PYTHON_PROGRAM python3 REQUIRED)
set(lowbit_test_timeout 300)
if(LOWBIT_SANITIZE)
    set(lowbit_test_timeout 900)
endif()

# The allocator of a fuzzing build wants the fuzzer's runtime; its tests would not link.
if(LOWBIT_FUZZ)
    return()
endif()

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
add_library(lowbit_test_support STATIC ${support_sources})
set_target_properties(lowbit_test_support PROPERTIES LINKER_LANGUAGE C)
target_include_directories(lowbit_test_support PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/tests)
target_link_libraries(lowbit_test_support PUBLIC lowbit_settings lowbit_static lowbit_dependencies
    PkgConfig::cmocka)

# Label, time limit and environment of test `name` made from `path`.
function(lowbit_test_settings name path)
    get_filename_component(folder ${path} DIRECTORY)
    get_filename_component(labels ${folder} NAME)
    set(timeout ${lowbit_test_timeout})
    file(STRINGS ${path} marks REGEX "ctest: (label|timeout) ")
    foreach(mark ${marks})
        if(mark MATCHES "ctest: label ([a-z0-9_]+)")
            list(APPEND labels ${CMAKE_MATCH_1})
        elseif(mark MATCHES "ctest: timeout ([0-9]+)")
            set(timeout ${CMAKE_MATCH_1})
        endif()
    endforeach()
    set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77
        ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;OMP_WAIT_POLICY=passive;TSAN_OPTIONS=ignore_noninstrumented_modules=1;LOWBIT=${CMAKE_BINARY_DIR}/bin/lowbit;LOWBIT_SOURCE=${CMAKE_CURRENT_SOURCE_DIR};LOWBIT_BUILD=${CMAKE_BINARY_DIR};LOWBIT_SANITIZE=${LOWBIT_SANITIZE}")
endfunction()

file(GLOB test_sources CONFIGURE_DEPENDS tests/*/test_*.c)
lowbit_apply_isa(test_sources)
foreach(path ${test_sources})
    get_filename_component(name ${path} NAME_WE)
    add_executable(${name} ${path})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE lowbit_test_support)
    add_test(NAME ${name} COMMAND ${name})
    lowbit_test_settings(${name} ${path})
endforeach()

file(GLOB test_scripts CONFIGURE_DEPENDS tests/*/test_*.sh tests/*/test_*.py)
foreach(path ${test_scripts})
    get_filename_component(name ${path} NAME_WE)
    add_test(NAME ${name} COMMAND ${BASH_PROGRAM} ${CMAKE_CURRENT_SOURCE_DIR}/tests/support/in_temporary_folder.sh
        ${path})
    lowbit_test_settings(${name} ${path})
endforeach()

# Every fuzz target replays its corpus, so that what was once found stays fixed.
file(GLOB fuzz_sources CONFIGURE_DEPENDS fuzz/fuzz_*.c)
foreach(path ${fuzz_sources})
    get_filename_component(target ${path} NAME_WE)
    string(REPLACE "fuzz_" "" subject ${target})
    set(name replay_${subject})
    add_executable(${name} ${path} fuzz/input_file.c fuzz/replay.c)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE lowbit_settings lowbit_static lowbit_dependencies)
    add_test(NAME ${name} COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${subject})
    lowbit_test_settings(${name} ${path})
endforeach()

# The rules that are held by script: tools/check_RULE.py, given the source folder.
file(GLOB check_scripts CONFIGURE_DEPENDS tools/check_*.py)
foreach(path ${check_scripts})
    get_filename_component(name ${path} NAME_WE)
    add_test(NAME ${name} COMMAND ${PYTHON_PROGRAM} ${path} ${CMAKE_CURRENT_SOURCE_DIR})
    lowbit_test_settings(${name} ${path})
endforeach()
