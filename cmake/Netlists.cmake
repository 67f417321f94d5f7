# Units as Yosys maps them for UltraScale+, in simulation.
find_program(YOSYS yosys)
if(NOT YOSYS)
  message(STATUS "Yosys is missing: netlists are not simulated")
endif()
# What a block RAM holds at first, which its model does not have.
set(block_ram_contents INIT_A INIT_B SRVAL_A SRVAL_B)
foreach(row RANGE 127)
  math(EXPR row "${row} + 256" OUTPUT_FORMAT HEXADECIMAL)
  string(SUBSTRING ${row} 3 2 row)
  string(TOUPPER ${row} row)
  list(APPEND block_ram_contents INIT_${row} INITP_${row})
endforeach()
list(TRANSFORM block_ram_contents PREPEND "-unset ")
list(JOIN block_ram_contents " " block_ram_contents)

# rtl_netlist(CLASS MODULE [A=1 B=2 ...]): class V<CLASS> from what Yosys makes of MODULE for
# UltraScale+, with its models of the primitives or those of models/. Nothing without Yosys.
function(rtl_netlist name module)
  if(NOT YOSYS)
    return()
  endif()
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/netlists/${name})
  set(netlist ${directory}.v)
  set(sources ${rtl_packages} ${rtl_modules} ${rtl_ultrascale})
  list(JOIN sources " " source_text)
  set(parameters "")
  foreach(parameter IN LISTS ARGN)
    string(REPLACE "=" " " parameter ${parameter})
    string(APPEND parameters " -chparam ${parameter}")
  endforeach()
  # Yosys forgets the enable of the shift registers it finds (its issue 6058, mended after 0.67): they
  # are made of its flip-flops here. Wires are single bits, or carry chains look like loops.
  file(GENERATE OUTPUT ${directory}.ys CONTENT "read_verilog -defer -sv -I${rtl}/lib ${source_text}
hierarchy -top ${module}${parameters}
synth_xilinx -family xcup -top ${module} -flatten -noiopad -noclkbuf -nosrl
xilinx_srl -fixed -minlen 3
setparam -set ENPOL 1 t:$__XILINX_SHREG_
techmap -map +/xilinx/cells_map.v
clean
check -assert
setparam ${block_ram_contents} t:RAMB*
splitnets
tee -o ${directory}.stat stat
write_verilog -noattr ${netlist}
")
  add_custom_command(
    OUTPUT ${netlist}
    COMMAND ${YOSYS} -q -w Resizing -w Replacing -l ${directory}.log -s ${directory}.ys
    DEPENDS ${directory}.ys ${sources}
    COMMENT "Synthesising ${name}"
    VERBATIM)
  # Verilator chooses the names of its files.
  get_filename_component(cells_path ${YOSYS} DIRECTORY)
  set(cells ${cells_path}/../share/yosys/xilinx/cells_sim.v)
  file(GLOB models ${CMAKE_CURRENT_SOURCE_DIR}/models/*.sv)
  add_custom_command(
    OUTPUT ${directory}.cpp
    BYPRODUCTS ${directory}/V${name}.h
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${directory}
    COMMAND ${VERILATOR_BIN} --cc --x-assign fast --x-initial fast
            -Wno-lint -Wno-style -Wno-INITIALDLY -Wno-MODDUP
            --prefix V${name} --top-module ${module} --Mdir ${directory}
            ${models} ${netlist} -v ${cells}
    COMMAND sh -c "printf '#include \"%s\"\\n' ${directory}/*.cpp >${directory}.cpp"
    DEPENDS ${netlist} ${models} ${cells}
    COMMENT "Verilating ${name}"
    VERBATIM)
  target_sources(rtl_models PRIVATE ${directory}.cpp)
  # Such code takes longer to optimise than to run.
  set_source_files_properties(${directory}.cpp PROPERTIES COMPILE_OPTIONS -O0
                              SKIP_UNITY_BUILD_INCLUSION ON)
  target_include_directories(rtl_models PUBLIC ${directory})
endfunction()
