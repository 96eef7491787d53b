/** Cases that once failed: test/seeds/fuzz/TARGET.json. Each run begins with them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const keptSchema = z.array(
  z.strictObject({
    /** What went wrong. */
    why: z.string(),
    /** The bytes of the case, each a character of Latin-1: most of them are text. */
    input: z.string(),
  }),
)
export type KeptCase = z.infer<typeof keptSchema>[number]

const fileOf = (target: string): string =>
  join(import.meta.dirname, '../seeds/fuzz', `${target}.json`)

export function keptCases(target: string): readonly KeptCase[] {
  const file = fileOf(target)
  return existsSync(file) ? keptSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : []
}

export const bytesOfCase = ({ input }: KeptCase): Uint8Array =>
  new Uint8Array(Buffer.from(input, 'latin1'))

/** Adds a case unless it is there already. */
export function keepCase(target: string, input: Uint8Array, why: string): void {
  const kept = keptCases(target)
  const text = Buffer.from(input).toString('latin1')
  if (kept.some(other => other.input === text)) return
  writeFileSync(fileOf(target), `${JSON.stringify([...kept, { why, input: text }], null, 2)}\n`)
}
