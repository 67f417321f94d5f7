# The libraries behind lightmamba. Read by its own build and by the installed package, since a
# program that links the static library needs them too.
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(TBB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET openblas)
set(LIGHTMAMBA_DEPENDENCIES fmt::fmt nlohmann_json::nlohmann_json TBB::tbb
    PkgConfig::utf8proc PkgConfig::openblas PkgConfig::xxhash PkgConfig::pcre2)
if(PROJECT_NAME STREQUAL "lightmamba")
  find_package(CLI11 REQUIRED)
endif()
