/**
 * What a certificate says about its bearer: `denizen://<cluster>/<region>`, a URI among its subject
 * alternative names, lets it speak as that region of that cluster. It is a URI, as SPIFFE has it,
 * because a region is no host: no public authority signs such a name, and addresses may change.
 */
import { X509Certificate } from 'node:crypto'
import type { RegionId } from '../model/slot.ts'

export const regionName = (cluster: string, region: RegionId): string =>
  `denizen://${cluster}/${region}`

/** The regions of the cluster that the certificate names. */
export function regionsNamedBy(
  { subjectAltName = '' }: X509Certificate,
  cluster: string,
): ReadonlySet<RegionId> {
  // Node quotes a name that holds a separator, and escapes that (CVE-2021-44532): no such name
  // begins like one of ours, and splitting finds no name inside of another.
  const prefix = `URI:${regionName(cluster, '')}`
  const names = subjectAltName.split(', ').filter(name => name.startsWith(prefix))
  return new Set(names.map(name => name.slice(prefix.length)))
}

/** The certificates of a PEM text, in their order. Throws when one is malformed. */
export const certificatesIn = (pem: string): readonly X509Certificate[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].map(
    ([block]) => new X509Certificate(block),
  )
