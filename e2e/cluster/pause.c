/* The first process of a pod: holds its namespaces and waits to be killed. */
#include <unistd.h>

int main(void) {
    for (;;)
        pause();
}
