# discover_suites(TARGET LABEL label [SPLIT suite...] [PROPERTIES name value...])
#
# Registers the tests of a GoogleTest program with CTest: one CTest test runs all cases of a suite in
# one process, so that what a suite makes once is made once. Suites after SPLIT are so long that each
# of their cases is a CTest test. The program is asked for its suites when ctest starts.
function(discover_suites target)
  cmake_parse_arguments(SUITES "" "LABEL" "SPLIT;PROPERTIES" ${ARGN})
  set(script ${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake)
  file(GENERATE OUTPUT ${script} CONTENT
"set(program \"$<TARGET_FILE:${target}>\")
set(label \"${SUITES_LABEL}\")
set(properties LABELS ${SUITES_LABEL} ${SUITES_PROPERTIES})
set(split ${SUITES_SPLIT})
include(\"${PROJECT_SOURCE_DIR}/cmake/RegisterSuites.cmake\")
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${script})
endfunction()
