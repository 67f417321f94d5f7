// Takes the results of a pipeline that cannot stall. What enters the pipeline reserves an entry
// while there is room_o, and so finds it free when it arrives; reserve_i to room_o and ready_i to
// data_o go through registers. One item per cycle where DEPTH is at least the cycles from
// reserve_i to write_i, and two.
module credit_fifo #(
    parameter int unsigned WIDTH = 32,
    parameter int unsigned DEPTH = 16  // a power of two
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    output logic             room_o,
    input  logic             reserve_i,  // only while room_o
    input  logic             write_i,    // once for each reserve_i
    input  logic [WIDTH-1:0] data_i,
    output logic             valid_o,
    input  logic             ready_i,
    output logic [WIDTH-1:0] data_o
);
  localparam int unsigned INDEX_BITS = $clog2(DEPTH);

  (* ram_style = "distributed" *) logic [WIDTH-1:0] entries_q[DEPTH];
  logic [INDEX_BITS:0] reserved_q, stored_q;
  logic [INDEX_BITS-1:0] write_index_q, read_index_q;
  logic read;

  assign room_o = ~reserved_q[INDEX_BITS];
  assign read   = stored_q != 0 & (~valid_o | ready_i);

  always_ff @(posedge clk_i) begin
    if (write_i) entries_q[write_index_q] <= data_i;
    if (read) data_o <= entries_q[read_index_q];
  end

  always_ff @(posedge clk_i) begin
    if (~rst_ni) begin
      reserved_q <= '0;
      stored_q <= '0;
      write_index_q <= '0;
      read_index_q <= '0;
      valid_o <= 1'b0;
    end else begin
      reserved_q <= reserved_q + (INDEX_BITS + 1)'(reserve_i) - (INDEX_BITS + 1)'(read);
      stored_q <= stored_q + (INDEX_BITS + 1)'(write_i) - (INDEX_BITS + 1)'(read);
      write_index_q <= write_index_q + INDEX_BITS'(write_i);
      read_index_q <= read_index_q + INDEX_BITS'(read);
      valid_o <= read | (valid_o & ~ready_i);
    end
  end
endmodule
