"""The kernel registry. The first kernel of the list that matches a node computes it."""

from pyexport.lower.kernel import Kernel
from pyexport.lower.kernels import (
    add_q15,
    affine_f32,
    affine_q15x,
    affine_q15x_shifts,
    argmax_u8,
    average_pool2d_q15x,
    concat,
    constant,
    conv2d_pool_swar16,
    conv2d_q15x,
    conv2d_q15x_ct,
    conv2d_swar16,
    conv2d_tile_swar16,
    conv_transpose2d_q15x,
    depthwise_swar16,
    encode_delta,
    encode_latency,
    encode_latency_step,
    encode_rate,
    gather,
    gru_q15,
    lif_avr16,
    lif_bitlist,
    lif_bitserial,
    lif_current,
    lif_direct,
    lif_direct16,
    lif_events,
    lif_swar16,
    linear_acc16,
    linear_bitmask16,
    linear_bitserial16,
    linear_block32,
    linear_f32,
    linear_ldi16,
    linear_list16,
    linear_q15x,
    linear_q15x_ct,
    linear_q15x_s4,
    linear_q15x_shifts,
    linear_smlad24,
    linear_smlad32,
    linear_swar4,
    linear_swar8,
    linear_swar16,
    log_softmax_q15,
    lstm_q15,
    matmul_q15x,
    max_pool2d,
    max_pool2d_ct,
    mul_q15x,
    normalize_q14,
    pad,
    prelu_q15,
    readout,
    reduce_max,
    reduce_q15x,
    softmax_f32,
    softmax_q15,
    softmax_rows_q15,
    table_u8,
)

KERNELS: tuple[Kernel, ...] = (
    *linear_swar4.KERNELS,  # before the others: where weights have 4 bits
    linear_smlad24.BEFORE_SWAR,  # where it takes fewer instructions
    *linear_list16.KERNELS,  # likewise
    *linear_swar16.KERNELS,  # before linear_q15x: where two sums fit a word
    *linear_swar8.KERNELS,
    linear_ldi16.KERNEL,  # before linear_acc16: where flash has the room
    linear_list16.PORTABLE,
    *linear_acc16.KERNELS,  # likewise
    *linear_bitserial16.KERNELS,  # likewise, on cores that do not multiply
    linear_bitmask16.KERNEL,
    linear_smlad24.AFTER_SWAR,
    linear_smlad32.KERNEL,  # after linear_smlad24: it takes wider sums
    *linear_block32.KERNELS,  # after linear_smlad32: where there are no pairs of products
    *linear_q15x_ct.KERNELS,  # after the others of constant time: it takes any sums
    linear_q15x_s4.KERNEL,
    linear_q15x.KERNEL,
    linear_q15x_shifts.KERNEL,  # after linear_q15x: it takes any integer linear layer
    affine_q15x.KERNEL,
    affine_q15x_shifts.KERNEL,  # likewise
    softmax_q15.KERNEL,
    softmax_rows_q15.KERNEL,  # after softmax_q15: it takes any number of rows
    log_softmax_q15.KERNEL,
    argmax_u8.KERNEL,
    add_q15.KERNEL,
    average_pool2d_q15x.KERNEL,
    concat.KERNEL,
    constant.KERNEL,
    conv2d_tile_swar16.KERNEL,  # before conv2d_pool_swar16: where there are registers for it
    *conv2d_pool_swar16.KERNELS,  # before conv2d_swar16: where a pooling behind it is free
    conv2d_tile_swar16.PORTABLE,
    *conv2d_swar16.KERNELS,  # before conv2d_q15x: where two sums fit a word
    *depthwise_swar16.KERNELS,  # likewise
    *conv2d_q15x_ct.KERNELS,  # before conv2d_q15x: for constant time, any sums
    conv2d_q15x.KERNEL,
    conv_transpose2d_q15x.KERNEL,
    gather.KERNEL,
    gru_q15.KERNEL,
    lstm_q15.KERNEL,
    matmul_q15x.KERNEL,
    max_pool2d_ct.KERNEL,
    max_pool2d.KERNEL,
    mul_q15x.KERNEL,
    normalize_q14.KERNEL,
    pad.KERNEL,
    prelu_q15.KERNEL,
    reduce_max.KERNEL,
    reduce_q15x.KERNEL,
    table_u8.KERNEL,
    *encode_rate.KERNELS,
    *encode_latency.KERNELS,
    *encode_latency_step.KERNELS,
    *encode_delta.KERNELS,
    lif_swar16.KERNEL,  # before lif_events: where two membranes fit a word
    lif_avr16.KERNEL,  # likewise: where membranes fit two registers
    *lif_events.KERNELS,
    *lif_current.KERNELS,
    lif_bitlist.KERNEL,  # before lif_direct: on cores that do not multiply
    lif_bitserial.KERNEL,  # likewise, for size, and of any number of inputs
    lif_direct16.KERNEL,  # before lif_direct: where two sums fit a word
    *lif_direct.KERNELS,
    *readout.KERNELS,
    linear_f32.KERNEL,
    affine_f32.KERNEL,
    softmax_f32.KERNEL,
)
