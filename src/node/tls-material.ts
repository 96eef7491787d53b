/** What can be wrong with a node's own TLS files, found before it uses them. */
import { createPrivateKey, type X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { assert } from '../model/assert.ts'
import { certificatesIn, regionName, regionsNamedBy } from '../runtime/tls-certificates.ts'
import type { TlsMaterial } from '../runtime/tls-network.ts'

/** As whom the certificate has to let this node speak. */
export interface Speaker {
  readonly cluster: string
  readonly region: string
}

/** serverAuth and clientAuth (RFC 5280, 4.2.1.12); a certificate that names no use has all. */
const bothUses = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']

/** The certificate itself, of material without a fault. */
export function leafOf({ cert }: TlsMaterial): X509Certificate {
  const [leaf] = certificatesIn(cert)
  assert(leaf, 'material in use has a certificate')
  return leaf
}

/**
 * Why the material can't be used, for people; undefined when it can. A certificate that has ended
 * can't: everybody else would refuse it, and nobody would tell the operator of this node.
 */
export function faultOf(
  material: TlsMaterial,
  speaker: Speaker | undefined,
  nowMs: number,
): string | undefined {
  const { cert, key, ca } = material
  const chain = attempt(() => certificatesIn(cert))
  const leaf = chain?.[0]
  if (!chain || !leaf) return 'the certificate file holds no certificate in PEM'
  const privateKey = attempt(() => createPrivateKey(key))
  if (!privateKey) return 'the key file holds no private key in PEM, or one with a passphrase'
  if (!leaf.checkPrivateKey(privateKey)) return 'the key is not that of the certificate'
  if (nowMs >= leaf.validToDate.getTime()) return `the certificate ended on ${leaf.validTo}`
  if (nowMs < leaf.validFromDate.getTime()) return `the certificate begins on ${leaf.validFrom}`
  if (ca !== undefined) {
    const authorities = attempt(() => certificatesIn(ca))
    if (!authorities?.length) return 'the file of authorities holds no certificate in PEM'
    if (!isIssued(leaf, chain, authorities)) return 'the authority is not that of the certificate'
  }
  if (speaker && !regionsNamedBy(leaf, speaker.cluster).has(speaker.region)) {
    return `the certificate does not name ${regionName(speaker.cluster, speaker.region)}`
  }
  if (speaker && leaf.keyUsage && !bothUses.every(use => leaf.keyUsage.includes(use))) {
    return 'the certificate is not for servers and clients, and a node is both (extendedKeyUsage)'
  }
  // Strength of keys and signatures: as the library has it, which refuses when it is used, too.
  const accepted = attempt(() =>
    createSecureContext({ cert, key, ...(ca !== undefined && { ca }) }),
  )
  return accepted ? undefined : 'the library refuses the certificate or its key as too weak'
}

/** Follows the chain from the leaf to one of the authorities. */
function isIssued(
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  let current = leaf
  for (let steps = 0; steps < chain.length; steps++) {
    const isIssuer = (issuer: X509Certificate): boolean =>
      current.checkIssued(issuer) && current.verify(issuer.publicKey)
    if (authorities.some(isIssuer)) return true
    const next = chain.find(isIssuer)
    if (!next) return false
    current = next
  }
  return false
}

/** Undefined where the text is none of the kind. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
