set(ssm_unit_sources delay.sv credit_fifo.sv rescale_pipeline.sv lane_sum.sv ssm_row.sv ssm_lane.sv
    ssm_output.sv ssm_rounder.sv ssm_unit.sv)
rtl_module(ssm_unit_2 TOP ssm_unit PARAMETERS LANES=2 SOURCES ${ssm_unit_sources})
rtl_module(ssm_unit_4 TOP ssm_unit PARAMETERS LANES=4 SOURCES ${ssm_unit_sources})
rtl_module(ssm_unit_64 TOP ssm_unit PARAMETERS LANES=64 SOURCES ${ssm_unit_sources})
rtl_netlist(ssm_unit_netlist TOP ssm_unit PARAMETERS LANES=2 SOURCES ${ssm_unit_sources})
