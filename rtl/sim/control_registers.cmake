rtl_module(ControlRegisters1 TOP control_registers SOURCES control_registers.sv)
rtl_module(ControlRegisters16 TOP control_registers
           PARAMETERS WEIGHT_CHANNELS=16 STATE_CHANNELS=2 SOURCES control_registers.sv)
