set(vector_loader_sources lib/lm_credit_fifo.sv mmu/lm_quantize_maximum.sv tables/lm_reciprocal_rom.sv mmu/lm_quantize_scale.sv
    mmu/lm_quantize_multipliers.sv mmu/lm_quantize_lane.sv mmu/lm_quantize_unit.sv lib/lm_serial_to_parallel.sv mmu/lm_vector_loader.sv)
rtl_module(vector_loader_1_8 TOP lm_vector_loader PARAMETERS LANES=1 COLUMNS=8 MMU_MAX_GROUPS=40
           SOURCES ${vector_loader_sources})
rtl_module(vector_loader_1_32 TOP lm_vector_loader PARAMETERS LANES=1 COLUMNS=32 MMU_MAX_GROUPS=40
           SOURCES ${vector_loader_sources})
rtl_module(vector_loader_16_128 TOP lm_vector_loader PARAMETERS LANES=16 COLUMNS=128 MMU_MAX_GROUPS=40
           SOURCES ${vector_loader_sources})
