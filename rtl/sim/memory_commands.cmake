rtl_module(memory_commands_1_32 TOP memory_commands
           PARAMETERS WEIGHT_CHANNELS=1 STATE_CHANNELS=1 STATE_BITS=32 SOURCES memory_commands.sv)
rtl_module(memory_commands_1_64 TOP memory_commands
           PARAMETERS WEIGHT_CHANNELS=1 STATE_CHANNELS=1 STATE_BITS=64 SOURCES memory_commands.sv)
rtl_module(memory_commands_16_512 TOP memory_commands
           PARAMETERS WEIGHT_CHANNELS=16 STATE_CHANNELS=2 STATE_BITS=512 SOURCES memory_commands.sv)
