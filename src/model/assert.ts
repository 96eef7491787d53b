/**
 * Assertions on what can only be a bug. They stay on in production (TigerBeetle's discipline):
 * stopping is better than storing a wrong byte. What the world can do to us is a `DenizenError`.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Marks a branch that the types prove unreachable. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}
