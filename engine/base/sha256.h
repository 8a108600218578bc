// sha256.h: the hash of FIPS 180-4, for rooms that are pure and must not see a library of cryptography.
//
// CONTRACT  For chains and names of contents, where nothing is secret. Tokens are compared where OpenSSL is at hand
//           (engine/serve/registry.h).
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

void sha256(const void *bytes, size_t count, uint8_t ret[SHA256_BYTES]);
