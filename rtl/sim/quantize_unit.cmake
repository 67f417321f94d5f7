set(quantize_unit_sources lib/lm_credit_fifo.sv mmu/lm_quantize_maximum.sv tables/lm_reciprocal_rom.sv mmu/lm_quantize_scale.sv
    mmu/lm_quantize_multipliers.sv mmu/lm_quantize_lane.sv mmu/lm_quantize_unit.sv)
rtl_module(Quantize1 TOP lm_quantize_unit PARAMETERS LANES=1 SOURCES ${quantize_unit_sources})
rtl_module(Quantize4 TOP lm_quantize_unit PARAMETERS LANES=4 SOURCES ${quantize_unit_sources})
rtl_module(Quantize16 TOP lm_quantize_unit PARAMETERS LANES=16 SOURCES ${quantize_unit_sources})
rtl_module(QuantizeGroup32 TOP lm_quantize_unit PARAMETERS LANES=4 GROUP=32 SOURCES
           ${quantize_unit_sources})
