# Installs the build under WORK, configures and builds the examples against it, and compares what they
# print with what the program prints.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${out}${err}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()

# expect(EXAMPLE ARG... PRINTS TEXT)
function(expect)
  cmake_parse_arguments(PARSE_ARGV 0 WANTED "" PRINTS "")
  list(POP_FRONT WANTED_UNPARSED_ARGUMENTS example)
  run(${WORK}/build/${example} ${WANTED_UNPARSED_ARGUMENTS})
  if(NOT output STREQUAL WANTED_PRINTS)
    message(FATAL_ERROR "${example} printed: ${output}expected: ${WANTED_PRINTS}")
  endif()
endfunction()

# What the program writes after a prompt.
function(generate result model prompt tokens)
  run(${WORK}/prefix/bin/lightmamba generate ${model} --prompt ${prompt} --max-tokens ${tokens}
      --echo ${ARGN})
  set(${result} "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/examples -B ${WORK}/build -G Ninja
    -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_CXX_FLAGS=${FLAGS} -DCMAKE_C_FLAGS=${FLAGS} -DCMAKE_C_COMPILER=${C_COMPILER}
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=)
run(${CMAKE_COMMAND} --build ${WORK}/build)

set(model ${SOURCE}/models/mamba2-prose-7m)
set(truth "It is a truth")
set(lord "And the LORD said")
generate(truth_16 ${model} ${truth} 16)
generate(lord_16 ${model} ${lord} 16)
generate(truth_200 ${model} ${truth} 200)
string(REGEX MATCH "^[^.!?]*[.!?]" sentence "${truth_200}")
expect(hello ${model} ${truth} PRINTS "${truth_16}")
expect(c_hello ${model} ${truth} PRINTS "${truth_16}")
expect(stream ${model} ${truth} PRINTS "${sentence}\n")
expect(batch ${model} ${truth} ${lord} PRINTS "${truth_16}${lord_16}")
# "And the LORD said unto" is what the model writes; "unto" must win among these.
expect(constrained ${model} ${lord} banana unto thereof PRINTS "${lord} unto\n")

set(file ${WORK}/prose.lm)
run(${WORK}/build/quantize ${model} ${model}/calibration.txt ${file} ${lord})
set(quantized "${output}")
generate(engine_16 ${file} ${lord} 16 --backend engine)
if(NOT quantized STREQUAL engine_16)
  message(FATAL_ERROR "quantize printed: ${quantized}expected: ${engine_16}")
endif()
generate(golden_8 ${file} ${lord} 8 --backend golden)
expect(accelerator ${file} ${lord} PRINTS "${golden_8}")

# Errors reach users with what is wrong, also through C.
foreach(example hello c_hello)
  execute_process(COMMAND ${WORK}/build/${example} ${WORK}/none ${truth} RESULT_VARIABLE code
                  OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 1 OR NOT err MATCHES "^${example}: .*/none: ")
    message(FATAL_ERROR "${example} without a model: exit code ${code}, ${err}")
  endif()
endforeach()
