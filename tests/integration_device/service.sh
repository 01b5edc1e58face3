# shellcheck shell=bash disable=SC2034,SC2154  # $work and `pid` are checks.sh's and namespace.sh's; $scope is for who sources it
# A musterd of the script's own, in the current directory, which is $work. To be sourced after checks.sh.
https_alone='[listen]\nmetrics = "off"\nmqtts = "off"\namqps = "off"\n'
# The program `faketime` would stand between us and musterd's process id.
faketime_library=$(dpkg -L libfaketime 2>/dev/null | grep -m1 'libfaketimeMT\.so\.1$')

service() { muster "$@" --data-dir "$work/service"; }
start_service() { # [variable=value]...
    env "$@" musterd --config musterd.toml --data-dir service >>musterd.out 2>&1 </dev/null &
    pid[musterd]=$!
    within 10 curl -sk https://localhost/ -o /dev/null || { cat musterd.out; exit 1; }
}
restart_service() { # [variable=value]...
    end musterd
    start_service "$@"
}
# One whose clock is so many seconds behind: a certificate of a day that it issues ends soon.
restart_service_behind() { restart_service LD_PRELOAD="$faketime_library" FAKETIME="-$1s"; }
# For the first time: trust.pem is what it is trusted by, $scope its id scope.
begin_service() { # its configuration besides its name
    printf 'host_name = "localhost"\n%b' "$1" >musterd.toml
    start_service
    service trust >trust.pem 2>/dev/null
    scope=$(service status --output json | jq -r .idScope)
}
# An authority for a group of devices: ca.pem, ca.key.
make_plant_ca() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Plant CA' -keyout ca.key -out ca.pem 2>/dev/null
}
make_plant_device() { # name: NAME.pem and NAME.key, issued by the plant's CA
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -days 2 -out "$1.pem" 2>/dev/null
}
