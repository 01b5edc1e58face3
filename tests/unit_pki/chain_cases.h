// The table of certificate chains: what is presented, what is trusted, and what must come of it.
#pragma once

#include <span>

#include "pki/path.h"

namespace muster::pki::lab {

struct ChainCase {
    const char* name;
    const char* certificates;  // the hierarchy, in the words of lab.h
    const char* presented;     // ids, the leaf first
    const char* trusted;       // ids of the anchors
    PathFault fault;
    const char* says;  // accepted: the ids of the path found; refused: a part of the explanation
    // Empty: `openssl verify -partial_chain -purpose sslclient -auth_level 2` agrees on yes or no. Otherwise it does
    // not, or cannot be asked, and this says why.
    const char* openssl_differs = "";
};

std::span<const ChainCase> chain_cases();

}  // namespace muster::pki::lab
