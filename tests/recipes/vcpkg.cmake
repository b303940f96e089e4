# cmake -DVERSION=.. -DTARBALL=.. -DPORT=FOLDER -DCURRENT_PACKAGES_DIR=.. -P vcpkg.cmake - runs a port
# without vcpkg: what ports call is made here, and does what vcpkg says of it.

function(vcpkg_download_distfile variable)
    cmake_parse_arguments(PARSE_ARGV 1 file "" "URLS;FILENAME;SHA512" "")
    file(SHA512 "${TARBALL}" sum)
    if(NOT sum STREQUAL file_SHA512)
        message(FATAL_ERROR "${file_FILENAME}: another checksum")
    endif()
    set(${variable} "${TARBALL}" PARENT_SCOPE)
endfunction()

function(vcpkg_extract_source_archive variable)
    cmake_parse_arguments(PARSE_ARGV 1 file "" "ARCHIVE" "")
    file(ARCHIVE_EXTRACT INPUT "${file_ARCHIVE}" DESTINATION "${CURRENT_PACKAGES_DIR}-src")
    file(GLOB folder "${CURRENT_PACKAGES_DIR}-src/*")
    set(${variable} "${folder}" PARENT_SCOPE)
endfunction()

function(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 file "" "" "FILE_LIST")
    configure_file("${file_FILE_LIST}" "${CURRENT_PACKAGES_DIR}/share/gwt/copyright" COPYONLY)
endfunction()

include("${PORT}/portfile.cmake")
foreach(name include/gwt.h share/gwt/copyright share/gwt/usage)
    if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/${name}")
        message(FATAL_ERROR "no ${name} is installed")
    endif()
endforeach()
