rtl_module(memory_commands_1_32 TOP lm_memory_commands
           PARAMETERS WEIGHT_CHANNELS=1 STATE_CHANNELS=1 STATE_BITS=32 SOURCES axi/lm_memory_commands.sv)
rtl_module(memory_commands_1_64 TOP lm_memory_commands
           PARAMETERS WEIGHT_CHANNELS=1 STATE_CHANNELS=1 STATE_BITS=64 SOURCES axi/lm_memory_commands.sv)
rtl_module(memory_commands_16_512 TOP lm_memory_commands
           PARAMETERS WEIGHT_CHANNELS=16 STATE_CHANNELS=2 STATE_BITS=512 SOURCES axi/lm_memory_commands.sv)
