set(scale_sums_unit_sources delay.sv pipeline.sv leading_zeros.sv block_buffer.sv
    round_block_unit.sv scaled_product.sv scale_sums_unit.sv)
rtl_module(scale_sums_unit_1 TOP scale_sums_unit PARAMETERS LANES=1 SOURCES
           ${scale_sums_unit_sources})
rtl_module(scale_sums_unit_4 TOP scale_sums_unit PARAMETERS LANES=4 SOURCES
           ${scale_sums_unit_sources})
rtl_module(scale_sums_unit_16 TOP scale_sums_unit PARAMETERS LANES=16 SOURCES
           ${scale_sums_unit_sources})
set(scale_sum_sources delay.sv pipeline.sv leading_zeros.sv rescale.sv scaled_product.sv
    scale_sum_lane.sv scale_sum.sv)
rtl_module(scale_sum_1_32 TOP scale_sum PARAMETERS LANES=1 OUT_BITS=32 SOURCES ${scale_sum_sources})
rtl_module(scale_sum_4_18 TOP scale_sum PARAMETERS LANES=4 OUT_BITS=18 SOURCES ${scale_sum_sources})
rtl_module(scale_sum_4_26 TOP scale_sum PARAMETERS LANES=4 OUT_BITS=26 SOURCES ${scale_sum_sources})
rtl_module(scale_sum_4_32 TOP scale_sum PARAMETERS LANES=4 OUT_BITS=32 SOURCES ${scale_sum_sources})
rtl_module(scale_sum_16_26 TOP scale_sum PARAMETERS LANES=16 OUT_BITS=26 SOURCES
           ${scale_sum_sources})
