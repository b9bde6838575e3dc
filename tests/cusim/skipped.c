/* Stands for each test of this folder where NVIDIA's headers are not installed. */
#include <stdio.h>

int main(void) {
  printf("skipped: NVIDIA's headers are not installed (%s)\n", MISSING);
  return 77;
}
