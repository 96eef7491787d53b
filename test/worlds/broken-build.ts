/**
 * A copy of this checkout with a defect put in, to show that a test finds it. The defect is a
 * change of the copy's text, never a switch in src/.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '../../src/model/assert.ts'

export interface Patch {
  /** From the root of the checkout: `src/storage/shard.ts`. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
}

export interface BrokenBuild {
  readonly directory: string
  /** The script to run in place of the checkout's `bin/denizen.js`. */
  readonly script: string
  remove(): void
}

const checkout = fileURLToPath(new URL('../../', import.meta.url))
const copied = ['package.json', 'bin', 'src', 'regions', 'schemas']

/** Throws where a patch does not fit: then the code has changed, and the patch has to follow. */
export function brokenBuild(patches: readonly Patch[]): BrokenBuild {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-broken-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  try {
    for (const name of copied) {
      cpSync(join(checkout, name), join(directory, name), { recursive: true })
    }
    symlinkSync(join(checkout, 'node_modules'), join(directory, 'node_modules'))
    for (const patch of patches) apply(directory, patch)
  } catch (error) {
    remove()
    throw error
  }
  return { directory, script: join(directory, 'bin', 'denizen.js'), remove }
}

function apply(directory: string, { file, from, to }: Patch): void {
  const path = join(directory, file)
  const parts = readFileSync(path, 'utf8').split(from)
  assert(parts.length === 2, `${file} holds what is patched ${parts.length - 1} times, not once`)
  writeFileSync(path, parts.join(to))
}
