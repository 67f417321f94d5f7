rtl_module(inverse_root_unit TOP lm_inverse_root_unit
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv lib/lm_leading_zeros.sv tables/lm_inverse_root_rom.sv norm/lm_inverse_root_unit.sv)
rtl_module(sum_of_squares_1_26_0 TOP lm_sum_of_squares_unit PARAMETERS LANES=1 IN_BITS=26 RIGHT=0
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv norm/lm_sum_of_squares_unit.sv)
rtl_module(sum_of_squares_1_32_12 TOP lm_sum_of_squares_unit PARAMETERS LANES=1 IN_BITS=32 RIGHT=12
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv norm/lm_sum_of_squares_unit.sv)
rtl_module(sum_of_squares_4_26_0 TOP lm_sum_of_squares_unit PARAMETERS LANES=4 IN_BITS=26 RIGHT=0
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv norm/lm_sum_of_squares_unit.sv)
rtl_module(sum_of_squares_16_32_12 TOP lm_sum_of_squares_unit PARAMETERS LANES=16 IN_BITS=32 RIGHT=12
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv norm/lm_sum_of_squares_unit.sv)
rtl_module(sum_of_squares_2_32_12 TOP lm_sum_of_squares_unit PARAMETERS LANES=2 IN_BITS=32 RIGHT=12
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv norm/lm_sum_of_squares_unit.sv)
