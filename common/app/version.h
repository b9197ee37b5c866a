/* FERRY_VERSION, "0.1.0": the version in the top CMakeLists.txt, handed down by the build to all that uses this layer. */
#ifndef APP_VERSION_H
#define APP_VERSION_H

#ifndef FERRY_VERSION
#error "FERRY_VERSION comes from common/CMakeLists.txt"
#endif

#endif
