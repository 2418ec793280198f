# Libraries lowbit stands on, as one interface target. tools/debian-packages.txt names their packages.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
foreach(library jansson zlib libpng libjpeg libcurl popt sqlite3 libmicrohttpd)
    pkg_check_modules(${library} REQUIRED IMPORTED_TARGET ${library})
endforeach()
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)

# Debian's oneDNN has no pkg-config file, and its CMake package asks for OpenCL.
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(DNNL_INCLUDE_DIR dnnl.h REQUIRED)

add_library(lowbit_dependencies INTERFACE)
target_include_directories(lowbit_dependencies SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(lowbit_dependencies INTERFACE ${DNNL_LIBRARY} OpenMP::OpenMP_C Threads::Threads
    PkgConfig::jansson PkgConfig::zlib PkgConfig::libpng PkgConfig::libjpeg
    PkgConfig::libcurl PkgConfig::sqlite3 PkgConfig::yaml PkgConfig::libmicrohttpd m)
