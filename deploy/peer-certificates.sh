#!/bin/sh
# Makes the certificates with which the nodes of a cluster know each other; needs openssl 3.
#
#   peer-certificates.sh CLUSTER REGION... [DAYS=365 in the environment]
#
# In the working directory: peers-ca.crt and peers-ca.key, the cluster's own authority, made at the
# first run and kept after; REGION.crt and REGION.key, made anew at each run: that is how they are
# rotated. Whoever holds peers-ca.key can make itself a region: it belongs on no node.
set -eu
umask 077
cluster=$1
shift

if [ ! -e peers-ca.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj "/CN=Denizen peers of $cluster" -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout peers-ca.key -out peers-ca.crt
fi

for region in "$@"; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "${DAYS:-365}" \
    -CA peers-ca.crt -CAkey peers-ca.key -subj "/CN=$region" \
    -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
    -addext extendedKeyUsage=serverAuth,clientAuth \
    -addext "subjectAltName=URI:denizen://$cluster/$region" \
    -keyout "$region.key.new" -out "$region.crt.new"
  mv "$region.key.new" "$region.key"
  mv "$region.crt.new" "$region.crt"
done
