// The value of largest magnitude of each group of beats; of x and -x, -x. One beat per cycle;
// the result comes log2 LANES + 3 cycles after the group's last beat.
module lm_quantize_maximum #(
    parameter int unsigned LANES = 4,     // a power of two
    parameter int unsigned IN_BITS = 40
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     valid_i,
    input  logic                     first_i,  // beat of the group
    input  logic                     last_i,
    input  logic [LANES*IN_BITS-1:0] values_i,
    output logic                     valid_o,
    output logic [IN_BITS-1:0]       magnitude_o,
    output logic                     is_negative_o
);
  localparam int unsigned KEY_BITS = IN_BITS + 1;
  localparam int unsigned LEVELS = $clog2(LANES) + 1;

  // Magnitude and, below, the sign: they are ordered as asked. Node k has children 2 k and 2 k + 1;
  // all nodes are registers.
  logic [2*LANES*KEY_BITS-1:KEY_BITS] nodes_q, nodes_d;
  logic [KEY_BITS-1:0] root, largest_q, largest_d;
  logic [LEVELS-1:0] valid_q, first_q, last_q;
  logic done_q;

  for (genvar i = 0; i < LANES; i++) begin : gen_leaf
    logic is_negative;
    logic [IN_BITS-1:0] value;
    assign value = values_i[i*IN_BITS+:IN_BITS];
    assign is_negative = value[IN_BITS-1];
    assign nodes_d[(LANES+i)*KEY_BITS+:KEY_BITS] = {
      (value ^ {IN_BITS{is_negative}}) + IN_BITS'(is_negative), is_negative
    };
  end
  for (genvar k = 1; k < LANES; k++) begin : gen_node
    logic [KEY_BITS-1:0] left, right;
    assign left                          = nodes_q[2*k*KEY_BITS+:KEY_BITS];
    assign right                         = nodes_q[(2*k+1)*KEY_BITS+:KEY_BITS];
    assign nodes_d[k*KEY_BITS+:KEY_BITS] = left > right ? left : right;
  end

  assign root = nodes_q[KEY_BITS+:KEY_BITS];
  assign largest_d = first_q[LEVELS-1] || root > largest_q ? root : largest_q;

  always_ff @(posedge clk_i) begin
    nodes_q <= nodes_d;
    first_q <= LEVELS'({first_q, first_i});
    last_q  <= LEVELS'({last_q, last_i});
    if (valid_q[LEVELS-1]) largest_q <= largest_d;
    if (done_q) {magnitude_o, is_negative_o} <= largest_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      done_q  <= 1'b0;
      valid_o <= 1'b0;
    end else begin
      valid_q <= LEVELS'({valid_q, valid_i});
      done_q  <= valid_q[LEVELS-1] && last_q[LEVELS-1];
      valid_o <= done_q;
    end
  end
endmodule
