# Man page and completion scripts, printed by the command that was just built.
set(manual_folder ${CMAKE_BINARY_DIR}/share)
file(MAKE_DIRECTORY ${manual_folder})
set(manual_files "")
function(lowbit_printed file)
    add_custom_command(OUTPUT ${manual_folder}/${file} COMMAND lowbit ${ARGN} > ${manual_folder}/${file}
        DEPENDS lowbit VERBATIM)
    set(manual_files ${manual_files} ${manual_folder}/${file} PARENT_SCOPE)
endfunction()
lowbit_printed(lowbit.1 help --man)
lowbit_printed(lowbit.bash completion bash)
lowbit_printed(_lowbit completion zsh)
lowbit_printed(lowbit.fish completion fish)
add_custom_target(manual ALL DEPENDS ${manual_files})
