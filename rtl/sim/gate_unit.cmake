rtl_module(gate_unit TOP lm_gate_unit
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv lib/lm_credit_fifo.sv lib/lm_rescale_pipeline.sv tables/lm_sigmoid_rom.sv lib/lm_silu_lane.sv
                   lib/lm_silu_unit.sv norm/lm_gate_unit.sv)
rtl_module(gain_unit TOP lm_gain_unit SOURCES lib/lm_pipeline.sv lib/lm_saturate.sv norm/lm_gain_unit.sv)
