// Owners of what a C library makes: std::unique_ptr<X509, Freer<X509_free>>.
#pragma once

#include <memory>

namespace muster {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};

}  // namespace muster
