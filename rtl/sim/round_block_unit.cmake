set(round_block_unit_sources delay.sv pipeline.sv leading_zeros.sv block_buffer.sv
    round_block_unit.sv)
rtl_module(round_block_4_42 TOP round_block_unit PARAMETERS LANES=4 IN_BITS=42 SOURCES
           ${round_block_unit_sources})
rtl_module(round_block_16_42 TOP round_block_unit PARAMETERS LANES=16 IN_BITS=42 SOURCES
           ${round_block_unit_sources})
rtl_module(round_block_4_32 TOP round_block_unit PARAMETERS LANES=4 IN_BITS=32 SOURCES
           ${round_block_unit_sources})
rtl_module(round_block_1_26 TOP round_block_unit PARAMETERS LANES=1 IN_BITS=26 SOURCES
           ${round_block_unit_sources})
rtl_module(round_block_1_32 TOP round_block_unit PARAMETERS LANES=1 IN_BITS=32 SOURCES
           ${round_block_unit_sources})
