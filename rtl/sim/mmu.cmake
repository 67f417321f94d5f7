# All but the multiplier.
set(mmu_sources lib/lm_shift_register.sv lib/lm_adder_tree.sv mmu/lm_mmu_dot_chain.sv mmu/lm_mmu_dots_dsp.sv mmu/lm_mmu_dots_lut.sv mmu/lm_mmu_scaler.sv
    mmu/lm_mmu_vectors.sv mmu/lm_mmu_sequencer.sv mmu/lm_mmu_output_fifo.sv mmu/lm_mmu.sv)
set(generic_multiplier prim/generic/lm_int4_dual_mac.sv)
set(primitive_multiplier sim/models/DSP48E2.sv prim/ultrascale/lm_int4_dual_mac.sv)
rtl_module(mmu_tiny TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=1
           SOURCES mmu/lm_mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_tiny_primitive TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=1
           SOURCES mmu/lm_mmu_pkg.sv ${primitive_multiplier} ${mmu_sources})
rtl_module(mmu_tiny_lut TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=0
           SOURCES mmu/lm_mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_vck190 TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=32 USE_DSP=1
           SOURCES mmu/lm_mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_vck190_primitive TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=32 USE_DSP=1
           SOURCES mmu/lm_mmu_pkg.sv ${primitive_multiplier} ${mmu_sources})
rtl_module(mmu_vck190_lut TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=32 USE_DSP=0
           SOURCES mmu/lm_mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_wide TOP lm_mmu PARAMETERS ROWS=4 COLUMNS=128 USE_DSP=1
           SOURCES mmu/lm_mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_wide_primitive TOP lm_mmu PARAMETERS ROWS=4 COLUMNS=128 USE_DSP=1
           SOURCES mmu/lm_mmu_pkg.sv ${primitive_multiplier} ${mmu_sources})
rtl_module(mmu_wide_lut TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=128 USE_DSP=0
           SOURCES mmu/lm_mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_six_rows TOP lm_mmu PARAMETERS ROWS=6 COLUMNS=32 MAX_GROUPS=40 USE_DSP=1
           SOURCES mmu/lm_mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_netlist(mmu_netlist TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=1
            SOURCES mmu/lm_mmu_pkg.sv prim/ultrascale/lm_int4_dual_mac.sv ${mmu_sources})
rtl_netlist(mmu_netlist_lut TOP lm_mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=0
            SOURCES mmu/lm_mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
