# All but the multiplier.
set(mmu_sources delay.sv adder_tree.sv mmu_dot_chain.sv mmu_dots_dsp.sv mmu_dots_lut.sv mmu_scaler.sv
    mmu_vectors.sv mmu_sequencer.sv mmu_output_fifo.sv mmu.sv)
set(generic_multiplier prim/generic/int4_dual_mac.sv)
set(primitive_multiplier sim/models/DSP48E2.sv prim/ultrascale/int4_dual_mac.sv)
rtl_module(mmu_tiny TOP mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=1
           SOURCES mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_tiny_primitive TOP mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=1
           SOURCES mmu_pkg.sv ${primitive_multiplier} ${mmu_sources})
rtl_module(mmu_tiny_lut TOP mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=0
           SOURCES mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_vck190 TOP mmu PARAMETERS ROWS=2 COLUMNS=32 USE_DSP=1
           SOURCES mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_vck190_primitive TOP mmu PARAMETERS ROWS=2 COLUMNS=32 USE_DSP=1
           SOURCES mmu_pkg.sv ${primitive_multiplier} ${mmu_sources})
rtl_module(mmu_vck190_lut TOP mmu PARAMETERS ROWS=2 COLUMNS=32 USE_DSP=0
           SOURCES mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_wide TOP mmu PARAMETERS ROWS=4 COLUMNS=128 USE_DSP=1
           SOURCES mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_wide_primitive TOP mmu PARAMETERS ROWS=4 COLUMNS=128 USE_DSP=1
           SOURCES mmu_pkg.sv ${primitive_multiplier} ${mmu_sources})
rtl_module(mmu_wide_lut TOP mmu PARAMETERS ROWS=2 COLUMNS=128 USE_DSP=0
           SOURCES mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_module(mmu_six_rows TOP mmu PARAMETERS ROWS=6 COLUMNS=32 MAX_GROUPS=40 USE_DSP=1
           SOURCES mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
rtl_netlist(mmu_netlist TOP mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=1
            SOURCES mmu_pkg.sv prim/ultrascale/int4_dual_mac.sv ${mmu_sources})
rtl_netlist(mmu_netlist_lut TOP mmu PARAMETERS ROWS=2 COLUMNS=8 USE_DSP=0
            SOURCES mmu_pkg.sv ${generic_multiplier} ${mmu_sources})
