/* What the parts of a board support package share. */
#ifndef BSP_H
#define BSP_H

#include <stdint.h>

#ifndef BOARD_NAME
#define BOARD_NAME "board"
#endif

/* Ends an emulated board with this exit status. */
void board_exit(int status);

/* Bytes that the serial interrupt stores and board_read() takes. */
void bsp_received(uint8_t byte);
int bsp_take(void);


#endif
