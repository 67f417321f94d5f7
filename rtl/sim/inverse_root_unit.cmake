rtl_module(inverse_root_unit TOP inverse_root_unit
           SOURCES delay.sv pipeline.sv leading_zeros.sv inverse_root_rom.sv inverse_root_unit.sv)
rtl_module(sum_of_squares_1_26_0 TOP sum_of_squares_unit PARAMETERS LANES=1 IN_BITS=26 RIGHT=0
           SOURCES delay.sv pipeline.sv sum_of_squares_unit.sv)
rtl_module(sum_of_squares_1_32_12 TOP sum_of_squares_unit PARAMETERS LANES=1 IN_BITS=32 RIGHT=12
           SOURCES delay.sv pipeline.sv sum_of_squares_unit.sv)
rtl_module(sum_of_squares_4_26_0 TOP sum_of_squares_unit PARAMETERS LANES=4 IN_BITS=26 RIGHT=0
           SOURCES delay.sv pipeline.sv sum_of_squares_unit.sv)
rtl_module(sum_of_squares_16_32_12 TOP sum_of_squares_unit PARAMETERS LANES=16 IN_BITS=32 RIGHT=12
           SOURCES delay.sv pipeline.sv sum_of_squares_unit.sv)
rtl_module(sum_of_squares_2_32_12 TOP sum_of_squares_unit PARAMETERS LANES=2 IN_BITS=32 RIGHT=12
           SOURCES delay.sv pipeline.sv sum_of_squares_unit.sv)
