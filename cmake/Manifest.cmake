# The sources of the hardware as rtl/lightmamba.core lists them:
#   rtl                the folder
#   rtl_packages       packages, in their order
#   rtl_modules        the other files but those of prim/
#   rtl_ultrascale     those of prim/ultrascale/
#   rtl_file_<MODULE>  the file of a module
#   rtl_library        arguments with which Verilator finds the file of each module that it meets
set(rtl ${PROJECT_SOURCE_DIR}/rtl)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${rtl}/lightmamba.core)
file(STRINGS ${rtl}/lightmamba.core rtl_files REGEX "^ +- [a-z0-9_/]+\\.sv$")
list(TRANSFORM rtl_files REPLACE "^ +- " "${rtl}/")

file(GLOB files_there CONFIGURE_DEPENDS ${rtl}/*.sv ${rtl}/*/lm_*.sv ${rtl}/prim/*/*.sv)
set(listed ${rtl_files})
list(SORT listed)
list(SORT files_there)
if(NOT listed STREQUAL files_there)
  message(FATAL_ERROR "rtl/lightmamba.core does not list the files of rtl/ as they are")
endif()

set(rtl_library "")
foreach(file IN LISTS rtl_files)
  get_filename_component(module ${file} NAME_WE)
  get_filename_component(folder ${file} DIRECTORY)
  if(module MATCHES "_pkg$")
    list(APPEND rtl_packages ${file})
  elseif(folder MATCHES "/prim/ultrascale$")
    list(APPEND rtl_ultrascale ${file})
  elseif(NOT folder MATCHES "/prim/")
    list(APPEND rtl_modules ${file})
    set(rtl_file_${module} ${file})
    list(APPEND rtl_library ${folder})
  endif()
endforeach()
list(REMOVE_DUPLICATES rtl_library)
list(TRANSFORM rtl_library PREPEND "-y;")  # also a folder of includes
