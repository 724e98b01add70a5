/* The main() that an Arduino core would bring. */
#include "board.h"

int main(void)
{
    setup();
    for (;;) {
        loop();
    }
}
