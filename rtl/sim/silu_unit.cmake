set(silu_unit_sources delay.sv pipeline.sv sigmoid_rom.sv silu_lane.sv silu_unit.sv)
rtl_module(silu_unit_4 TOP silu_unit PARAMETERS LANES=4 SOURCES ${silu_unit_sources})
rtl_module(silu_unit_16 TOP silu_unit PARAMETERS LANES=16 SOURCES ${silu_unit_sources})
rtl_module(silu_unit_3 TOP silu_unit PARAMETERS LANES=3 SOURCES ${silu_unit_sources})
