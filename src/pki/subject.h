// The subject of what exists, as a list that a new request can be made with.
#pragma once

#include "pki/certificate.h"
#include "pki/csr.h"

namespace muster::pki {

// In order; types by their short names, or in dots where they have none; values in UTF-8.
Subject subject_of(const Certificate& certificate);
Subject subject_of(const Csr& request);

// Whether both name the same.
bool same_subject(const Certificate& certificate, const Csr& request);

}  // namespace muster::pki
