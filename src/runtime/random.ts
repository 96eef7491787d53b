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

const ID_CHARACTERS = 26

/** An id of 26 characters of [0-9a-v]: 130 bits, so that ids of any two nodes never meet. */
export const randomId = (random: Random): string => idOf(random.bytes(ID_CHARACTERS))

/** The id that bytes stand for: five bits of each of the first 26. */
export const idOf = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, ID_CHARACTERS), byte => (byte & 31).toString(32)).join('')
