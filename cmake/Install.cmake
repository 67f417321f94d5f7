include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lightmamba)
install(TARGETS ${public_library} EXPORT lightmambaTargets)
install(TARGETS lightmamba_cli)
install(DIRECTORY include/lightmamba DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT lightmambaTargets NAMESPACE lightmamba:: DESTINATION ${package_dir})
configure_package_config_file(cmake/lightmambaConfig.cmake.in
  ${PROJECT_BINARY_DIR}/lightmambaConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lightmambaConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lightmambaConfig.cmake
              ${PROJECT_BINARY_DIR}/lightmambaConfigVersion.cmake
              cmake/Dependencies.cmake
        DESTINATION ${package_dir})
