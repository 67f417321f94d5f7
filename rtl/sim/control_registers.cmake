rtl_module(ControlRegisters1 TOP lm_control_registers SOURCES axi/lm_control_registers.sv)
rtl_module(ControlRegisters16 TOP lm_control_registers
           PARAMETERS WEIGHT_CHANNELS=16 STATE_CHANNELS=2 SOURCES axi/lm_control_registers.sv)
