rtl_module(gate_unit TOP gate_unit
           SOURCES delay.sv pipeline.sv credit_fifo.sv rescale_pipeline.sv sigmoid_rom.sv silu_lane.sv
                   silu_unit.sv gate_unit.sv)
rtl_module(gain_unit TOP gain_unit SOURCES pipeline.sv saturate.sv gain_unit.sv)
