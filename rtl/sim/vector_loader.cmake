set(vector_loader_sources credit_fifo.sv group_maximum.sv reciprocal_rom.sv group_scale.sv
    group_multipliers.sv quantize_lane.sv quantize_unit.sv gather.sv vector_loader.sv)
rtl_module(vector_loader_1_8 TOP vector_loader PARAMETERS LANES=1 COLUMNS=8 MMU_MAX_GROUPS=40
           SOURCES ${vector_loader_sources})
rtl_module(vector_loader_1_32 TOP vector_loader PARAMETERS LANES=1 COLUMNS=32 MMU_MAX_GROUPS=40
           SOURCES ${vector_loader_sources})
rtl_module(vector_loader_16_128 TOP vector_loader PARAMETERS LANES=16 COLUMNS=128 MMU_MAX_GROUPS=40
           SOURCES ${vector_loader_sources})
