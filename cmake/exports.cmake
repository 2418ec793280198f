# A shared library exports what its public headers name and nothing else, by a linker version script.
file(GLOB public_headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/lowbit/*.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${public_headers})

# lowbit_export(TARGET HEADER...): headers of include/lowbit/, by their paths.
function(lowbit_export target)
    set(exported "")
    foreach(header ${ARGN})
        file(STRINGS ${header} lines REGEX "lb_")
        string(REGEX MATCHALL "lb_[a-z0-9_]+" names "${lines}")
        list(APPEND exported ${names})
    endforeach()
    list(REMOVE_DUPLICATES exported)
    list(SORT exported)
    list(JOIN exported ";\n        " exported)
    get_target_property(name ${target} OUTPUT_NAME)
    set(version_script ${CMAKE_BINARY_DIR}/generated/exports-${name}.map)
    file(CONFIGURE OUTPUT ${version_script} CONTENT
        "LOWBIT_${PROJECT_VERSION_MAJOR} {\n    global:\n        ${exported};\n    local:\n        *;\n};\n" @ONLY)
    set_target_properties(${target} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        LINK_DEPENDS ${version_script})
    target_link_options(${target} PRIVATE -Wl,--version-script=${version_script})
    if(NOT LOWBIT_SANITIZE)
        target_link_options(${target} PRIVATE -Wl,--no-undefined)
    endif()
endfunction()
