/*
 * digits_on_arduino.ino - reads digits from 8x8 pictures that you draw in this file.
 *
 * It needs digits.h as a library. In a checkout of pyexport:
 *     python scripts/train_digits.py
 *     python scripts/export.py model.pt --name digits --package arduino
 * and copy the folder digits-arduino into the libraries/ folder of your Arduino sketchbook. Any
 * board with 8 KB of flash and 1 KB of RAM will do: an Uno, a Nano, a Pico.
 *
 * Open the serial monitor at 115200 baud. Change a picture, upload again, and see what it takes.
 */
#define DIGITS_SELFTEST 1
#include <digits.h>

/* Ink from none to full: blank, '.', 'o', '#'. */
const char pictures[][DIGITS_INPUT_SIZE + 1] PROGMEM = {
    "  o###. "
    " .ooo#o "
    "    o#. "
    "    #o  "
    "    o#. "
    "     #o "
    "  ...#o "
    "  ###o  ",

    "  ####. "
    "  #o..  "
    " o#.    "
    " o#o.   "
    " .oo#o  "
    "    .#  "
    "  o.o#  "
    " .###.  ",

    "  o##   "
    "  oo#.  "
    "   .#.  "
    "   .#   "
    " .o##o. "
    " o###o. "
    "  .o    "
    "  oo    ",
};
const uint8_t picture_count = sizeof pictures / sizeof pictures[0];

uint8_t ink(char drawn)
{
    switch (drawn) {
    case '#': return DIGITS_INPUT_HIGH;
    case 'o': return 10;
    case '.': return 4;
    default: return DIGITS_INPUT_LOW;
    }
}

void show(uint8_t number)
{
    uint8_t pixels[DIGITS_INPUT_SIZE];
    int8_t scores[DIGITS_OUTPUT_SIZE];

    for (uint8_t i = 0; i < DIGITS_INPUT_SIZE; i++) {
        const char drawn = (char)pgm_read_byte(&pictures[number][i]);

        pixels[i] = ink(drawn);
        Serial.write(drawn);
        if (i % 8 == 7) {
            Serial.println('|');
        }
    }
    const unsigned long started = micros();
    digits_predict(pixels, scores);
    const unsigned long used = micros() - started;

    Serial.print(F("this is a "));
    Serial.print(digits_argmax(scores));
    Serial.print(F(", seen in "));
    Serial.print(used);
    Serial.println(F(" microseconds"));
    Serial.println();
}

void setup()
{
    Serial.begin(115200);
    while (!Serial) { /* boards with USB of their own: until somebody listens */
    }
    Serial.print(F("self-test: "));
    Serial.println(digits_selftest() ? F("passed") : F("FAILED"));
}

void loop()
{
    for (uint8_t number = 0; number < picture_count; number++) {
        show(number);
        delay(1000);
    }
}
