set(round_block_unit_sources lib/lm_shift_register.sv lib/lm_pipeline.sv lib/lm_leading_zeros.sv lib/lm_bfp8_buffer.sv
    lib/lm_round_bfp8.sv)
rtl_module(round_block_4_42 TOP lm_round_bfp8 PARAMETERS LANES=4 IN_BITS=42 SOURCES
           ${round_block_unit_sources})
rtl_module(round_block_16_42 TOP lm_round_bfp8 PARAMETERS LANES=16 IN_BITS=42 SOURCES
           ${round_block_unit_sources})
rtl_module(round_block_4_32 TOP lm_round_bfp8 PARAMETERS LANES=4 IN_BITS=32 SOURCES
           ${round_block_unit_sources})
rtl_module(round_block_1_26 TOP lm_round_bfp8 PARAMETERS LANES=1 IN_BITS=26 SOURCES
           ${round_block_unit_sources})
rtl_module(round_block_1_32 TOP lm_round_bfp8 PARAMETERS LANES=1 IN_BITS=32 SOURCES
           ${round_block_unit_sources})
