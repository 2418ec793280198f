# lowbit_registry(FOLDER PREFIX MACRO FILE): write FILE with a line MACRO(id) for each FOLDER/PREFIXid.c, sorted.
function(lowbit_registry folder prefix macro file)
    file(GLOB paths CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/${prefix}*.c)
    list(SORT paths)
    set(lines "/* Made by the build from the file names ${folder}/${prefix}*.c. */\n")
    foreach(path ${paths})
        get_filename_component(name ${path} NAME_WE)
        string(REGEX REPLACE "^${prefix}" "" id ${name})
        string(APPEND lines "${macro}(${id})\n")
    endforeach()
    # written only where it differs, so that nothing is compiled anew for nothing
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${file} CONTENT "${lines}" @ONLY)
endfunction()
