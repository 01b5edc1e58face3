// The files that make several musterds on one database one service (store/shared_files.h): the database has them, and
// each musterd a copy in its data directory, for itself and for `muster` on its machine.
//
// A first start puts there what its data directory has, and makes the rest; of several that start at once, all go on
// with what one of them put. Whoever comes later takes copies, over older ones of the same service.
#pragma once

#include <cstdint>

#include "service_files.h"
#include "store/store.h"

namespace muster::musterd {

class SharedFiles {
public:
    SharedFiles(store::Store& store, const DataDirectory& data, const Clock& clock, Random& random)
        : store_(store), data_(data), clock_(clock), random_(random) {}

    // At start; blocks. What it returns saves and loads policies by this object. Errc::conflict, with nothing changed
    // on either side, when the data directory is of another service than the database, when it has records of its own
    // that the empty database lacks, or when the other musterds speak for another host name.
    Result<ServiceFiles> join(const Wanted& wanted);
    // All of a service that moves into the database, its authority's keys with them: in the transaction of its records,
    // which may run again. Errc::not_found when one is missing.
    static Result<> put_all(store::Tx& tx, const DataDirectory& data, const Wanted& wanted, TimePoint now);
    // Once an operator has decided that the service has another host name. Returns what it was, empty when nobody had
    // said. Errc::not_found when the database has no service yet.
    Result<std::string> take_host_name(const std::string& host_name);
    // Errc::conflict when the service has another by now: this musterd must be started anew.
    Task<Result<>> check_host_name(std::string host_name) const;

private:
    using Records = std::map<std::string, store::SharedFileRecord, std::less<>>;

    static Result<Records> read(store::Tx& tx);
    Result<> check(const Records& records, const Wanted& wanted) const;
    Result<FileContents> candidates(const Records& records, const Wanted& wanted) const;
    Result<Records> put_missing(const FileContents& offered, const Wanted& wanted);
    static FileContents together(const Records& records, const FileContents& offered);
    Result<> write_copies(const Records& records, bool own_ca) const;
    Result<> write_copy(std::string_view name, std::string_view content) const;
    Result<> save_policies(const access::Policies& policies);
    Result<std::optional<store::SharedFileRecord>> newer_policies(store::Tx& tx) const;
    Result<std::optional<access::Policies>> load_policies();

    store::Store& store_;
    const DataDirectory& data_;
    const Clock& clock_;
    Random& random_;
    std::int64_t policies_version_ = 0;  // of those last read or written here
};

// Errc::conflict when the data directory is one of a service whose records are in a shared database: starting it with
// an empty database of its own would refuse every device.
Result<> check_not_shared(const DataDirectory& data);
// Makes the data directory such a one.
Result<> mark_shared(const DataDirectory& data);

}  // namespace muster::musterd
