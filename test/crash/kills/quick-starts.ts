/**
 * Nodes that start quickly, for tests that start them again and again: Node keeps what it has
 * compiled of our source, but writes that down only where a process ends in order.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { World } from '../../worlds/world.ts'

/** Of processes that this one starts from now on. */
export function keepCompiledCode(): void {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-compiled-'))
  process.env.NODE_COMPILE_CACHE = directory
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
}

export async function writeCompiledCode(world: World): Promise<void> {
  const [region = ''] = world.regions
  await world.stop(region)
  await world.start(region)
}
