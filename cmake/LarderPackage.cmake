# `cmake --install` and the Debian package: `make package`, or `cpack -G DEB` in a build folder.
include(GNUInstallDirs)

# The page of larder.toml is what the program says of its own keys.
set(LARDER_MAN_5 ${CMAKE_BINARY_DIR}/larder.toml.5)
add_custom_command(OUTPUT ${LARDER_MAN_5}
  COMMAND ${PROJECT_SOURCE_DIR}/packaging/man/larder_toml_5 $<TARGET_FILE:larder> > ${LARDER_MAN_5}
  DEPENDS larder ${PROJECT_SOURCE_DIR}/packaging/man/larder_toml_5 VERBATIM)
# Debian wants its manual pages and changes compressed, and without the time of the build.
set(LARDER_COMPRESSED "")
function(larder_compressed source name)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/compressed/${name}.gz
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/compressed
    COMMAND gzip -9nc ${source} > ${CMAKE_BINARY_DIR}/compressed/${name}.gz
    DEPENDS ${source} VERBATIM)
  set(LARDER_COMPRESSED ${LARDER_COMPRESSED} ${CMAKE_BINARY_DIR}/compressed/${name}.gz PARENT_SCOPE)
endfunction()
larder_compressed(${PROJECT_SOURCE_DIR}/packaging/man/larder.1 larder.1)
larder_compressed(${LARDER_MAN_5} larder.toml.5)
larder_compressed(${PROJECT_SOURCE_DIR}/CHANGELOG.md changelog)
add_custom_target(larder_documents DEPENDS ${LARDER_COMPRESSED})
if(NOT LARDER_FUZZ)
  set_target_properties(larder_documents PROPERTIES EXCLUDE_FROM_ALL FALSE)
endif()

install(TARGETS larder RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${CMAKE_BINARY_DIR}/compressed/larder.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/compressed/larder.toml.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES packaging/completions/larder.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME larder)
install(FILES packaging/completions/_larder DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES packaging/debian/copyright README.md ${CMAKE_BINARY_DIR}/compressed/changelog.gz DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/larder)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/larder/docs FILES_MATCHING PATTERN "*.md" PATTERN "pictures" EXCLUDE)
install(DIRECTORY docker/prometheus docker/grafana docker/alertmanager DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/larder/examples)
# Where systemd and an administrator look, wherever the rest goes.
install(FILES packaging/systemd/larder.service packaging/systemd/larder.socket DESTINATION /lib/systemd/system)
install(FILES packaging/larder.toml DESTINATION /etc/larder PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME larder)
set(CPACK_PACKAGE_VENDOR "the authors of Larder")
set(CPACK_PACKAGE_CONTACT "the authors of Larder <larder@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "transparent caching proxy for PostgreSQL")
set(CPACK_PACKAGE_DESCRIPTION "An application changes one thing, the port in its connection string, and repeated reads are
answered from memory. A cached answer is dropped before the write that makes it old can commit.")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.54)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/debian/conffiles ${PROJECT_SOURCE_DIR}/packaging/debian/postinst
  ${PROJECT_SOURCE_DIR}/packaging/debian/prerm ${PROJECT_SOURCE_DIR}/packaging/debian/postrm)
include(CPack)
