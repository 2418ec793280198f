# Compiler flags of all targets, as one interface target.
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
if(CMAKE_C_FLAGS_RELEASE STREQUAL "-O3 -DNDEBUG") # CMake's own default; a preset may say otherwise
    set(CMAKE_C_FLAGS_RELEASE "-O3 -g")
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(lowbit_settings INTERFACE)
target_include_directories(lowbit_settings INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/src
    ${CMAKE_CURRENT_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(lowbit_settings INTERFACE _POSIX_C_SOURCE=200809L)
target_compile_options(lowbit_settings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wundef
    # Results must not differ between compilers by fused multiply-adds. The other two let loops with
    # rintf, sqrtf and comparisons be vectorized; they change no value, only errno and the exception flags.
    -ffp-contract=off -fno-math-errno -fno-trapping-math)
if(LOWBIT_WERROR)
    target_compile_options(lowbit_settings INTERFACE -Werror)
endif()

if(LOWBIT_SANITIZE STREQUAL "address")
    set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(LOWBIT_SANITIZE STREQUAL "thread")
    set(sanitize -fsanitize=thread -fno-omit-frame-pointer)
elseif(LOWBIT_SANITIZE)
    message(FATAL_ERROR "LOWBIT_SANITIZE is '${LOWBIT_SANITIZE}'; wanted: empty, address or thread")
endif()
if(sanitize)
    target_compile_options(lowbit_settings INTERFACE ${sanitize})
    target_link_options(lowbit_settings INTERFACE ${sanitize})
endif()
if(LOWBIT_FUZZ)
    target_compile_options(lowbit_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()
