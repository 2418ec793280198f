# What `make install` puts where: command, libraries, headers, pkg-config and CMake packages, manual.
include(CMakePackageConfigHelpers)

install(TARGETS lowbit_shared EXPORT lowbit LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS lowbit_rt_shared EXPORT lowbit LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS lowbit_static lowbit_rt_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/lowbit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# find_package(lowbit) gives the shared libraries lowbit::lowbit and lowbit::lowbit-rt.
set_target_properties(lowbit_shared PROPERTIES EXPORT_NAME lowbit)
set_target_properties(lowbit_rt_shared PROPERTIES EXPORT_NAME lowbit-rt)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
install(EXPORT lowbit NAMESPACE lowbit:: FILE lowbit-config.cmake DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/lowbit-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/lowbit-config-version.cmake DESTINATION ${package_folder})

# pkg-config finds its files beside the libraries, wherever the tree is moved to.
file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
foreach(library lowbit lowbit-rt)
    configure_file(cmake/${library}.pc.in ${CMAKE_BINARY_DIR}/generated/${library}.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/generated/${library}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

if(TARGET lowbit)
    install(TARGETS lowbit RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES ${manual_folder}/lowbit.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${manual_folder}/lowbit.bash RENAME lowbit
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${manual_folder}/_lowbit DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    install(FILES ${manual_folder}/lowbit.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

# The papers' experiments, where `lowbit reproduce` looks for them.
install(DIRECTORY experiments DESTINATION ${CMAKE_INSTALL_DATADIR}/lowbit FILES_MATCHING PATTERN "*.yaml" PATTERN "*.csv")
