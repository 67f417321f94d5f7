set(quantize_unit_sources credit_fifo.sv group_maximum.sv reciprocal_rom.sv group_scale.sv
    group_multipliers.sv quantize_lane.sv quantize_unit.sv)
rtl_module(Quantize1 TOP quantize_unit PARAMETERS LANES=1 SOURCES ${quantize_unit_sources})
rtl_module(Quantize4 TOP quantize_unit PARAMETERS LANES=4 SOURCES ${quantize_unit_sources})
rtl_module(Quantize16 TOP quantize_unit PARAMETERS LANES=16 SOURCES ${quantize_unit_sources})
rtl_module(QuantizeGroup32 TOP quantize_unit PARAMETERS LANES=4 GROUP=32 SOURCES
           ${quantize_unit_sources})
