#include "poller.h"

#include "platform.h"

const double POLLER_SECONDS = 0.1;

struct poller
poller_new(poll_function *function, void *argument)
{
    return (struct poller){
        .function = function,
        .argument = argument,
        .asked = platform_seconds(),
    };
}

bool
poller_goes_on(struct poller *poller)
{
    if (!poller->has_ended &&
        platform_seconds() - poller->asked >= POLLER_SECONDS) {
        poller->has_ended = !poller->function(poller->argument);
        poller->asked = platform_seconds();
    }
    return !poller->has_ended;
}
