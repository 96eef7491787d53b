/** Randomness as it is passed in. */
export interface Random {
  /** A number in [0, 1). */
  unit(): number
  bytes(count: number): Uint8Array
}

export const systemRandom: Random = {
  unit: () => Math.random(),
  bytes: count => crypto.getRandomValues(new Uint8Array(count)),
}

/** An id of 26 characters of [0-9a-v]: 130 bits, so that ids of any two nodes never meet. */
export const randomId = (random: Random): string =>
  Array.from(random.bytes(26), byte => (byte & 31).toString(32)).join('')
