/** The files under test. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const checkout = fileURLToPath(new URL('../../', import.meta.url))
export const deploy = join(checkout, 'deploy')

/** The text of a file, by its path in the checkout. */
export const read = (path: string): string => readFileSync(join(checkout, path), 'utf8')
