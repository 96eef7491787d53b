#!/bin/sh
# Makes the certificates of the tests anew; needs openssl 3. They last 100 years, so that this is
# run only to add one. The keys guard nothing: whoever reads this has them.
#
#   ca.crt, other-ca.crt            two authorities, whose own keys are thrown away
#   eu-west, us-east, ap-south      regions of the cluster `test`
#   eu-west-next                    what eu-west rotates to: same name, another key
#   eu-west-expired                 over since 2021
#   eu-west-foreign                 signed by the other authority
#   eu-west-elsewhere               eu-west of another cluster, by the same authority
#   eu-west-server                  for servers only, and a node is a client too
#   quoted                          a name that contains what looks like another name
#   https, https-next               for clients, of localhost
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' '[ca]' 'default_ca=own' '[own]' "new_certs_dir=$work" "database=$work/index" \
  'rand_serial=yes' 'default_md=sha256' 'policy=any' 'unique_subject=no' \
  '[any]' 'commonName=supplied' >"$work/ca.conf"
: >"$work/index"

authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 \
    -subj "/CN=Denizen tests $1" -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -keyout "$work/$1.key" -out "$1.crt" 2>/dev/null
}

# NAME AUTHORITY SUBJECT-ALT-NAMES [END] [MORE LINES OF EXTENSIONS]
certificate() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -keyout "$1.key" -out "$work/$1.csr" 2>/dev/null
  printf '%s\n' 'basicConstraints=CA:FALSE' 'keyUsage=digitalSignature' \
    "extendedKeyUsage=${uses:-serverAuth,clientAuth}" "subjectAltName=$3" "${5:-}" >"$work/$1.ext"
  openssl ca -batch -notext -config "$work/ca.conf" -extfile "$work/$1.ext" \
    -cert "$2.crt" -keyfile "$work/$2.key" -startdate 200101000000Z \
    -enddate "${4:-21250101000000Z}" -in "$work/$1.csr" -out "$1.crt" 2>/dev/null
}

authority ca
authority other-ca
for region in eu-west us-east ap-south; do
  certificate "$region" ca "URI:denizen://test/$region"
done
certificate eu-west-next ca 'URI:denizen://test/eu-west'
certificate eu-west-expired ca 'URI:denizen://test/eu-west' 210101000000Z
certificate eu-west-foreign other-ca 'URI:denizen://test/eu-west'
certificate eu-west-elsewhere ca 'URI:denizen://other/eu-west'
uses=serverAuth certificate eu-west-server ca 'URI:denizen://test/eu-west'
certificate quoted ca '@names' '' \
  '[names]
URI.1=denizen://test/us-east\, URI:denizen://test/eu-west'
certificate https ca 'DNS:localhost,IP:127.0.0.1'
certificate https-next ca 'DNS:localhost,IP:127.0.0.1'
