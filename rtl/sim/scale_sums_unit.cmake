set(scale_sums_unit_sources lib/lm_shift_register.sv lib/lm_pipeline.sv lib/lm_leading_zeros.sv lib/lm_bfp8_buffer.sv
    lib/lm_round_bfp8.sv mmu/lm_sum_times_root.sv mmu/lm_sums_to_bfp8.sv)
rtl_module(scale_sums_unit_1 TOP lm_sums_to_bfp8 PARAMETERS LANES=1 SOURCES
           ${scale_sums_unit_sources})
rtl_module(scale_sums_unit_4 TOP lm_sums_to_bfp8 PARAMETERS LANES=4 SOURCES
           ${scale_sums_unit_sources})
rtl_module(scale_sums_unit_16 TOP lm_sums_to_bfp8 PARAMETERS LANES=16 SOURCES
           ${scale_sums_unit_sources})
set(scale_sum_sources lib/lm_shift_register.sv lib/lm_pipeline.sv lib/lm_leading_zeros.sv lib/lm_rescale.sv mmu/lm_sum_times_root.sv
    mmu/lm_sums_to_fixed_lane.sv mmu/lm_sums_to_fixed.sv)
rtl_module(scale_sum_1_32 TOP lm_sums_to_fixed PARAMETERS LANES=1 OUT_BITS=32 SOURCES ${scale_sum_sources})
rtl_module(scale_sum_4_18 TOP lm_sums_to_fixed PARAMETERS LANES=4 OUT_BITS=18 SOURCES ${scale_sum_sources})
rtl_module(scale_sum_4_26 TOP lm_sums_to_fixed PARAMETERS LANES=4 OUT_BITS=26 SOURCES ${scale_sum_sources})
rtl_module(scale_sum_4_32 TOP lm_sums_to_fixed PARAMETERS LANES=4 OUT_BITS=32 SOURCES ${scale_sum_sources})
rtl_module(scale_sum_16_26 TOP lm_sums_to_fixed PARAMETERS LANES=16 OUT_BITS=26 SOURCES
           ${scale_sum_sources})
