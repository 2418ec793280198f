# lowbit_embed(FILE NAME): write NAME with the bytes of FILE as a list of C character values, for an array.
function(lowbit_embed file name)
    set(path ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE ",$" "" bytes "${bytes}")
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${name} CONTENT "${bytes}\n" @ONLY)
endfunction()
