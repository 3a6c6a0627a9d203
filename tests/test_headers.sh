#!/bin/sh
# Every public header compiles by itself, as C and, where a C++ compiler is at hand, as C++.
set -eu
cd "$SYNCLINE_SOURCE_ROOT/include"
failed=0
for header in syncline/*.h; do
    echo "#include <$header>" | ${CC:-cc} -std=c11 -Wall -Wextra -pedantic -Werror -fsyntax-only -I. -x c - ||
        { echo "FAILED: $header as C"; failed=1; }
    command -v "${CXX:-c++}" > /dev/null || continue
    echo "#include <$header>" | ${CXX:-c++} -std=c++20 -Wall -Werror -fsyntax-only -I. -x c++ - ||
        { echo "FAILED: $header as C++"; failed=1; }
done
exit "$failed"
