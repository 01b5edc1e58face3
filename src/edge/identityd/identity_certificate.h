// The life of a device certificate that is issued to the device: got when there is none, renewed in time
// (facts/device.md 4.3, 4.4).
#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>

#include "edge/identityd/provisioner.h"
#include "edge/renewal/pair.h"
#include "edge/renewal/renew.h"
#include "edge/service/wall_timer.h"

namespace muster::edge::identityd {

// The certificate in place, with its key in place. When there is none, or its name is not the one that the settings
// have now, one is issued first; an issuer that gives another name than was asked for is asked once in the life of the
// process. Errors: of certd (no issuer, the issuer refuses) and keyd; conflict, the name is neither the wanted one nor
// the one that the issuer gives.
Task<Result<pki::CertificateChain>> ensure_identity(Neighbours neighbours, X509Settings settings);

// Renews it: a new pair beside the old one, which registers before it takes the old one's place. Works on the cloud
// loop; everything given outlives it.
class IdentityKeeper {
public:
    // `renewed` is called after each renewal; the registration may have led to another hub than before.
    static Result<std::unique_ptr<IdentityKeeper>> create(Provisioner& provisioner, Neighbours neighbours,
                                                          Random& random, boost::asio::io_context& cloud,
                                                          std::function<void()> renewed);

    Task<> run();  // never ends
    // There may be a certificate that was not there before, or other settings. Any thread.
    void look();

private:
    IdentityKeeper(Provisioner& provisioner, Neighbours neighbours, Random& random, boost::asio::io_context& cloud,
                   std::unique_ptr<WallTimer> timer, std::function<void()> renewed);
    std::optional<X509Settings> issued() const;
    Task<> get_first(X509Settings settings);
    Task<Result<pki::CertificateChain>> issue(std::string certificate, std::string key, pki::CertificateChain old);
    Task<Result<>> prove(pki::CertificateChain chain, std::string key);

    Provisioner& provisioner_;
    Neighbours neighbours_;
    Random& random_;
    boost::asio::io_context& cloud_;
    std::unique_ptr<WallTimer> timer_;
    std::function<void()> renewed_;
};

}  // namespace muster::edge::identityd
