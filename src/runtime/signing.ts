/**
 * Ed25519 signatures (RFC 8032). Keys are text: the public one is SubjectPublicKeyInfo, the private
 * one PKCS #8, both DER in base64, as other tools take them (RFC 8410).
 */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'

export interface KeyPair {
  readonly public: string
  readonly private: string
}

/** What RFC 8410 puts before the 32 bytes of a private key. */
const privateHead = Buffer.from('302e020100300506032b657004220420', 'hex')

/** `seed`: 32 random bytes, which are the private key. */
export function ed25519Keys(seed: Uint8Array): KeyPair {
  const der = Buffer.concat([privateHead, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return { public: spki.toString('base64'), private: der.toString('base64') }
}

/** The signature in base64. */
export function signEd25519(privateKey: string, bytes: Uint8Array): string {
  const key = Buffer.from(privateKey, 'base64')
  return sign(null, bytes, { key, format: 'der', type: 'pkcs8' }).toString('base64')
}

/** False for what is no key and no signature, too. */
export function verifyEd25519(publicKey: string, bytes: Uint8Array, signature: string): boolean {
  try {
    const key = { key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' } as const
    return verify(null, bytes, key, Buffer.from(signature, 'base64'))
  } catch {
    return false
  }
}
