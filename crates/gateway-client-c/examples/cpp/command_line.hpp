// What the examples share: their command line, and how they fail.
#ifndef EXAMPLE_COMMAND_LINE_HPP
#define EXAMPLE_COMMAND_LINE_HPP

#include <cstdio>
#include <cstdlib>
#include <string>

#include "gateway.hpp"

// Subscribes as the command line `SOCKET QUEUE [oldest]` says and runs `example` on it; what is thrown ends the program.
template <class Example> int run(int argc, char **argv, const char *name, gateway::Wait wait, Example example) {
    const bool oldest = argc == 4 && std::string(argv[3]) == "oldest";
    if (argc != 3 && !oldest) {
        std::fprintf(stderr, "usage: %s SOCKET QUEUE [oldest]\n", name);
        return EXIT_FAILURE;
    }
    try {
        const gateway::Client client(argv[1]);
        gateway::SubscribeOptions options;
        options.name = name;
        options.start = oldest ? gateway::Start::oldest() : gateway::Start::head();
        options.wait = wait;
        example(client.subscribe(argv[2], options));
    } catch (const gateway::Error &error) {
        std::fprintf(stderr, "%s: %s\n", name, error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

#endif
