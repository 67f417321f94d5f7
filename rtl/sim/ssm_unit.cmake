set(ssm_unit_sources lib/lm_shift_register.sv lib/lm_credit_fifo.sv lib/lm_rescale_pipeline.sv lib/lm_lane_sum.sv ssm/lm_ssm_row.sv ssm/lm_ssm_lane.sv
    ssm/lm_ssm_output.sv ssm/lm_ssm_rounder.sv ssm/lm_ssm_unit.sv)
rtl_module(ssm_unit_2 TOP lm_ssm_unit PARAMETERS LANES=2 SOURCES ${ssm_unit_sources})
rtl_module(ssm_unit_4 TOP lm_ssm_unit PARAMETERS LANES=4 SOURCES ${ssm_unit_sources})
rtl_module(ssm_unit_64 TOP lm_ssm_unit PARAMETERS LANES=64 SOURCES ${ssm_unit_sources})
rtl_netlist(ssm_unit_netlist TOP lm_ssm_unit PARAMETERS LANES=2 SOURCES ${ssm_unit_sources})
