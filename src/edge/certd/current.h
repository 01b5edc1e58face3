// What certd's settings say at one moment; whoever begins a piece of work with them ends it with them.
#pragma once

#include <functional>
#include <memory>

#include "edge/certd/certificate_files.h"
#include "edge/certd/settings.h"

namespace muster::edge::certd {

struct Current {
    Settings settings;
    CertificateFiles files;
};
using CurrentPtr = std::shared_ptr<const Current>;
using CurrentSource = std::function<CurrentPtr()>;

}  // namespace muster::edge::certd
